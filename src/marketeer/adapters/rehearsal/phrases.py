"""What the rehearsal can say: short phrases and sentences with places for this company's own words.

Places: {product} {persona} {persona_full} {problem} {problem_short} {diff} {diff_head} {rival} {conversion} {metric}
{goal} {quote} {claim} {price} {baseline} {target}.
Nothing here states a number; numbers come only from the context, with their tag.
"""

from __future__ import annotations

# The first pattern found in a label or column name decides what kind of phrase belongs there.
KINDS: tuple[tuple[str, str], ...] = (
    (r"\b(url|link|landing page|canonical|site)\b", "url"),
    (r"\b(slug)\b", "slug"),
    (r"\b(start|end|date|due|checked on|checked_on)\b", "date"),
    (r"\b(events?)\b", "event"),
    (r"\b(sample size|sample per variant|significance level|power|formula|eligible per day|drop-off)\b", "figure"),
    (r"\b(completion rate|current rate|volume change|mrr effect|invites each|sharers|invite conversion)\b", "figure"),
    (r"choose them", "concession"),
    (r"\b(benefits?|choose us|differentiation|key messages)\b", "benefit"),
    (r"how it works|how to switch|first steps", "action"),
    (r"\b(objections?|doubts?)\b", "objection"),
    (r"\b(regions?|languages?)\b", "region"),
    (r"\b(parameters?)\b", "parameter"),
    (r"\b(ctas?|button|label|decline)\b", "cta"),
    (r"\b(headlines?|h1|title|heading|subject|tagline|hook|subheadline|name|promise|sitelinks|callouts)\b", "headline"),
    (r"\b(budget|cost|amount|daily cap|monthly cap|bidding|bid)\b", "budget"),
    (r"\b(price|monthly|annual)\b", "price"),
    (r"\b(hypothesis|hypotheses|test plan|test ideas|tests)\b", "hypothesis"),
    (r"\b(concepts?|ideas?|topics?|pattern|campaign|test|variable|playbook|reward|offer|asset|subtopics)\b", "idea"),
    (r"\b(query|queries|keywords?|intent|negatives?|search)\b", "query"),
    (r"\b(persona|who|audience|segments?|buyer|company profile|users?|reader|targeting|exclusions)\b", "who"),
    (r"\b(platforms?|channels?)\b", "channel"),
    (r"\b(touchpoint|screen|element|location|placement|pages?|where|shown on)\b", "place"),
    (r"\b(owner|from|team|used by)\b", "owner"),
    (r"\b(target)\b", "target"),
    (r"\b(goal|objective)\b", "objective"),
    (r"\b(metrics?|measure|kpi|success|signal|tracked)\b", "metric"),
    (r"\b(baseline|current|now|before|value|drop-off|actual)\b", "now"),
    (r"\b(sources?|evidence|basis|proof|origin|data|claims?|facts?)\b", "evidence"),
    (r"\b(why|reason|rationale|mechanism|because|purpose|job)\b", "reason"),
    (r"\b(risks?|issues?|problems?|findings?|frustration|pain|observation|friction|barrier|constraint|effect)\b", "problem"),
    (r"\b(outcome)\b", "outcome"),
    (r"\b(when|trigger|delay|timing|condition|window|moment|cadence|duration|stop|exit|time)\b", "timing"),
    (r"\b(preview|body|copy|message|text|descriptions?|after|help|microcopy|value line|short answer)\b", "copy"),
    (r"\b(duty|rules?|checks?|compliance|policy|consent|retention|deliverability)\b", "rule"),
    (r"\b(change|action|response|fix|request|steps?|do|method|how|treatment|decision|choice)\b", "action"),
)

PHRASES: dict[str, tuple[str, ...]] = {
    "figure": (
        "to be computed from the baseline before the start", "no data yet", "from the analytics account, once it counts",
        "the usual setting, agreed before the start", "not measured so far", "counted over two full weeks first",
    ),
    "concession": (
        "You already live with {rival} and nothing hurts", "You need more than {product} sets out to do",
        "This is not your problem: {problem}", "Your team will not change its habits this season",
        "{rival} is part of a contract you cannot leave",
    ),
    "benefit": (
        "{diff}", "{persona} no longer has to live with this: {problem}", "{diff_head}, where {rival} leaves a gap",
        "A shorter way to this: {conversion}", "{persona} sees at once where things stand", "One thing less to remember",
        "Your own words stay in use, such as \u201c{quote}\u201d",
    ),
    "objection": (
        "{objection}: one real case answers it better than a promise", "We already use {rival}: keep it and compare",
        "It is one more tool: {diff_head} replaces a step, it adds none",
        "We have no time: the first step is small, and it is this: {conversion}",
        "It will not fit us: {persona} can judge that within one case", "We tried before: what differs is {diff_head}",
    ),
    "region": ("as far as the context says", "where {persona} works today", "the home market only, until a human widens it"),
    "headline": (
        "{product} for {persona}", "Stop living with it: {problem}", "{diff_head}, every day", "A calmer way with {product}",
        "What {persona} gets from {product}", "{product}, explained in plain words", "From first look to {conversion}",
        "Less of this: {problem}", "{diff_head} without the detour", "Why {persona} picks {product}",
        "See {product} at work", "{product} next to {rival}", "Your next step with {product}", "Made for {persona}",
        "Try {product} today", "{diff_head}", "Start with {product}", "Meet {product}", "{product} in short",
    ),
    "cta": (
        "Start with {product}", "See how it works", "Try {product}", "Show me an example", "Get started",
        "Not now, thanks", "Take the first step", "Open {product}", "Compare the options", "Keep my current setup",
        "Set it up today", "Walk me through it",
    ),
    "idea": (
        "A side-by-side of {product} and {rival}", "A walk-through for {persona}", "A short guide to: {problem}",
        "One page on {diff_head}", "A checklist for {persona}", "Stories from customers like {persona}",
        "A calculator around: {problem}", "An email note after {conversion}", "A page for people leaving {rival}",
        "A first-week plan with {product}", "Answers to the hardest question about {diff_head}",
        "A template {persona} can copy", "A plain comparison of {diff_head} and {rival}",
    ),
    "query": (
        "how to handle {problem_short}", "{rival} alternative", "{product} for {persona}", "{product} vs {rival}",
        "{diff_head} for {persona}", "best way to avoid {problem_short}", "{product} review", "is {product} worth it",
        "{rival} problems", "{product} setup", "what to do about {problem_short}", "{rival} compared",
        "{diff_head} example", "{persona} checklist", "{product} pricing", "switch from {rival}",
    ),
    "who": (
        "{persona_full}", "{persona_full} who meets this: {problem}", "{persona_full}, comparing with {rival}",
        "{persona_full} before {conversion}", "{persona_full}, new to {product}", "{persona_full} who asks about {diff_head}",
    ),
    "place": (
        "Home page", "Pricing page", "Signup page", "Welcome email", "In-app first screen", "Comparison page", "Blog",
        "Email list", "LinkedIn", "Customer interviews", "Help centre", "Account page", "Search results",
        "Onboarding checklist", "Confirmation screen", "Feature page", "First screen {persona} sees",
        "Page about {diff_head}", "Page for people who use {rival}", "Step before {conversion}",
    ),
    "channel": (
        "LinkedIn", "Email list", "Blog", "Search results", "X", "In-app message", "Partner newsletter", "Instagram",
        "Customer community", "Webinar", "Review site", "Facebook",
    ),
    "target": (
        "{target}", "better than the baseline, by an amount a human sets", "agreed with a human before the start",
        "no harm to {metric}", "the figure the goal names", "to be set once a baseline exists",
    ),
    "objective": (
        "{conversion}", "More people who reach this: {conversion}", "The goal as given: {goal}",
        "A better {metric} without harm elsewhere", "A clear next step for {persona}",
    ),
    "owner": ("human", "The founder", "Marketing", "The {product} team", "Product", "Customer care"),
    "metric": (
        "{metric}", "Share of visitors who reach: {conversion}", "{conversion}", "Replies from {persona}",
        "{metric}, by source", "Accounts that come back in the following week", "Questions about {diff_head}",
        "{metric}, watched for harm", "Readers who go on to {conversion}", "Cancelled accounts, as a guardrail",
    ),
    "now": (
        "{baseline}", "no data", "not measured yet", "as the context states it", "to be counted first",
        "no data before tracking is on", "current wording about {diff_head}", "nothing of this kind today",
    ),
    "budget": (
        "inside the existing plan", "no extra spend", "time of the team only", "a share of the budget, set by a human",
        "the formula: margin per customer over the payback window", "to be approved by a human before it is spent",
        "manual bids until conversions can be counted", "the most conversions inside the cap",
    ),
    "price": ("{price}", "as on the price list", "no change", "to be decided by a human", "not on file yet"),
    "evidence": (
        "product context: {problem}", "product context: {diff}", "customer words: \u201c{quote}\u201d",
        "product context, section on {rival}", "product context: goals and baseline", "{claim}",
        "differentiation as stated: {diff_head}", "persona notes on {persona}", "not verified",
        "the goal as it was given", "product context: the way {persona} decides",
    ),
    "reason": (
        "{persona} meets this first: {problem}", "{diff_head} answers it directly", "{rival} leaves exactly this open",
        "it brings {persona} closer to {conversion}", "it can be undone within a day", "the goal names it",
        "{persona} decides on this point", "it uses what {product} already has",
        "customers say it in these words: \u201c{quote}\u201d", "it removes one doubt before {conversion}",
        "nothing else on the way to {conversion} costs so little", "it shows {diff_head} instead of telling",
    ),
    "problem": (
        "{problem}", "{persona} cannot see that {diff_head} exists", "The step to {conversion} asks for too much at once",
        "{rival} looks like the safer choice", "{persona} has to guess what happens next",
        "The page speaks of the product, not of this: {problem}", "Proof stands far from the claim about {diff_head}",
        "The first screen does not say whom {product} is for", "Nobody follows up before {conversion}",
        "{persona} does not find the answer to: why not {rival}",
    ),
    "outcome": (
        "Win: {metric} rises and the guardrail holds", "Loss: {metric} falls", "Flat: no difference that matters",
        "Guardrail breach: harm elsewhere, whatever {metric} does", "Tracking fault: counts do not add up",
        "Mixed: {persona} gains, others do not",
    ),
    "action": (
        "Say in one line what {product} does for {persona}", "Put {diff_head} where {persona} looks first",
        "Move the proof next to the claim it supports", "Name the next step: {conversion}",
        "Compare openly with {rival}", "Answer this before it is asked: {problem}", "Ask five customers how they say it",
        "Cut every step that does not lead to {conversion}", "Write it in customer words", "Show {diff_head} in one picture",
        "Send the first version to {persona} for comment", "Record what happens before {conversion}",
        "Keep what works and change one thing", "Review the numbers with the team and decide",
        "Publish after a human has approved it",
    ),
    "timing": (
        "after the first visit to the pricing page", "once {conversion} has happened", "when {persona} comes back",
        "two weeks without a sign of life", "as soon as {metric} moves the wrong way", "before the next review",
        "after {persona} has seen {diff_head}", "when the budget level rises", "at the end of the month",
        "when {rival} changes its offer",
    ),
    "hypothesis": (
        "Because of this problem ({problem}) we believe showing {diff_head} will bring more people to {conversion} for {persona}, "
        "measured by {metric}; if it works then we keep it, because the goal asks for it",
        "Because {persona} compares with {rival}, we believe an open comparison will ease the choice for {persona}, "
        "measured by {metric}; if it fails then we drop it, because every page must earn its place",
        "Because the next step is unclear, we believe naming {conversion} will help more visitors act for {persona}, "
        "measured by {metric}; if it holds then we extend it, because clarity travels",
        "Because proof stands too low, we believe moving it up will calm doubts for {persona}, measured by {metric}; "
        "if it helps then we move the rest, because trust comes before action",
    ),
    "copy": (
        "{product} takes this off your desk: {problem}.", "{diff}.", "You keep working; {product} keeps track.",
        "Made for {persona}, and for the way the day really goes.", "No detour, no second system.",
        "You see what happens next before you decide.", "If {rival} is what you use today, you can compare in peace.",
        "One step at a time, beginning with {conversion}.", "Your team needs no training for it.",
        "Ask us anything; a person answers.", "It is the plain way to {conversion}.",
        "Bring one real case and look at it with {product}.", "Nothing changes until you say so.",
        "That is the part most people notice first.", "Here is what it looks like on an ordinary day.",
        "You can stop at any time and take your records with you.", "It starts with what you already have.",
        "The first look costs you a coffee break.", "Everything stays in one place, where {persona} can find it.",
        "You decide who sees what.", "It was built around this: {problem}.", "Short, clear and in your own words.",
        "Others keep a spreadsheet for this; you will not need one.", "We would rather show it than praise it.",
    ),
    "rule": (
        "Say openly who is writing", "Keep the way out as easy as the way in", "State the price before asking for data",
        "Name the source of every claim about {rival}", "Ask for consent before anything is stored",
        "Let {persona} decline without a reproach", "Show at most one prompt per visit", "Leave converted accounts alone",
        "Keep records only as long as they are used", "Check every change against the product context",
        "Have a human approve before publishing", "Stop when {metric} suffers",
    ),
    "parameter": ("method, source", "plan, source", "step, page", "variant, page", "role, source", "reason, step"),
    "general": (
        "{diff}", "Clear words for {persona} about: {problem}", "What {persona} needs before {conversion}",
        "A plain answer to {rival}", "The part of {product} that speaks to {persona}", "Proof before promise on {diff_head}",
        "One step closer to {conversion}", "Everything that bears on {metric}", "The case for {diff_head}",
        "A first version, to be judged by {persona}", "What the context says about: {problem}",
        "Small enough to finish, large enough to move {metric}",
    ),
}  # fmt: skip

SENTENCES: tuple[str, ...] = (
    "This part serves the goal {goal} and starts from what {persona} has to live with today.",
    "{persona} meets this first: {problem}.",
    "What {product} can answer is on file: {diff}.",
    "The alternative most people weigh is {rival}, so the comparison is made in the open.",
    "Everything here leads to one step: {conversion}.",
    "It is judged by {metric}, with the baseline as the context gives it.",
    "Where the context is silent, the assumption is named instead of a guess being made.",
    "{persona} decides more easily when {diff_head} is shown, not only described.",
    "The order follows from the goal: first what blocks {conversion}, then what speeds it up.",
    "Nothing in this section is published before a human has read it.",
    "Customers put it this way: \u201c{quote}\u201d, and the wording here stays close to that.",
    "If {rival} changes its offer, this section is looked at again.",
    "The work stays inside the means of the team and can be undone.",
    "For {persona}, the cost of doing nothing is plain: {problem}.",
    "{product} is named where it helps the reader and left out where it does not.",
    "A change that does not move {metric} is taken back at the next review.",
    "The point about {diff_head} is kept apart from claims that still need proof.",
    "Every row can be traced to the product context or to an assumption below.",
    "What {persona} asks before {conversion} is answered before anything else is said.",
    "Two things are watched together: {metric}, and whether {persona} comes back.",
    "The strongest argument against {rival} remains this: {diff}.",
    "Small steps come first; no single page settles this: {problem}.",
    "On file as proof: {claim}.",
    "The same promise about {diff_head} is made on every step of the way to {conversion}.",
    "Doubts of {persona} are taken seriously, the first of them being whether {rival} would do.",
    "With {product}, the way from interest to {conversion} has to stay short.",
)

QUESTIONS: tuple[str, ...] = (
    "Would it help to see how {product} handles it?",
    "Is this how it goes for you today?",
    "Shall we leave it there, or is a look at {product} worth your time?",
    "Who on your side deals with this?",
)
