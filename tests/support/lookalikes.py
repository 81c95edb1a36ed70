"""Pairs of sentences that look like contradictions and are none, as two companies' outputs may well have them."""

from __future__ import annotations

BREWERY = """# Product Marketing Context: Brewline

## Product Overview

**One-liner:** Brewline plans production for small breweries.
**Business model:** SaaS. Starter: $29 a month, 1 site. Growth: $99 a month, 3 sites.
Enterprise: custom. Annual billing saves two months.
**Trial:** 14-day free trial on every plan.

## Competitive Landscape

| Alternative | Price |
|---|---|
| OllieOps | $249 a month, 30-day trial |
"""
OF_BREWERY = (
    ("Growth: $99 a month.", "Hopsta Growth is $249 a month."),
    ("Start your 14-day free trial.", "OllieOps gives a 30-day free trial."),
    ("Growth: $99 a month.", "Growth: $990 a year, two months free."),
    ("Growth: $99/month", "Growth costs $82.50 a month, billed annually."),
    ("Growth is $99 a month.", "Growth at $99 a month is $1,188 a year; on the annual plan $990."),
    ("Growth: $99 a month for 3 sites.", "Growth: $33 per site per month."),
    ("Starter: $29 a month", "Starter for $1 the first month, then $29 a month."),
    ("Growth: $99 a month", "Growth: 20% off, $79 a month with code HOPS20 until 31 March."),
    ("Growth plan, $99 a month", "Growth plan budget: $4,000 a month for ads."),
    ("Growth is $99 a month.", "Growth in spending: $150 a month on search."),
    ("The webinar is on 12 May.", "The webinar reminder goes out on 10 May. The webinar follow-up is on 14 May."),
    ("The launch is on 3 March.", "Launch emails: 24 February, 3 March and 10 March."),
    ("Launch: 3 March 2026", "Post-launch review: 17 March 2026"),
    ("Launch date: 2026-03-03", "Launch retrospective: 2026-03-20. Pre-launch teaser: 2026-02-20."),
    ("The launch is on 3 March.", "Soft launch: 24 February. Launch day: 3 March."),
    ("Offer ends on 31 March.", "Early-bird offer ends on 15 March."),
    ("The sale starts on 1 March.", "The sale ends on 15 March."),
    ("Registration opens on 1 May.", "Registration closes on 20 May."),
    ("Event: 12 May", "Event date: 12th of May, 2026"),
    ("Start your 14-day free trial.", "Day 14: the trial ends. On day 10 of the trial, remind them."),
    ("Start your 14-day free trial.", "Extend your trial by 7 days when you invite a colleague."),
    ("Start your 14-day free trial.", "We added 7 more days to your trial."),
    ("Start your 14-day free trial.", "You have 3 days left in your free trial."),
    ("Start your 14-day free trial.", "Your trial ends in 3 days."),
    ("Start your 14-day free trial.", "First 7 days of the trial: brew a batch. Trial week 2: invite the team."),
    (
        "Start your 14-day free trial.",
        "Trial users who brew in 7 days convert. Free for 30 days if you come from OllieOps.",
    ),
    ("Start your 14-day free trial.", "Use Brewline free for 14 days. Then $29 a month."),
    ("There is a 30-day money-back guarantee.", "Refunds are paid within 5 days."),
    (
        "There is a 30-day money-back guarantee.",
        "We answer within 2 days and refund you within 7 days of your request.",
    ),
    ("Return it within 30 days.", "Returns take 5 days to arrive."),
    ("Annual plans: save 17%", "Annual plans save 2 months; conversion of annual pages rose 25%."),
    ("Save 17% with annual billing.", "Get 10% off your annual ticket."),
    ("Refer a brewer: 20% off for both.", "Referral program: 10% discount rate assumed for cost."),
    ("20% off for students.", "Newsletter readers get 10% off."),
    ("Launch discount: 20% off.", "Launch week discount code: HOPS20, 15% off accessories."),
    ("Brewline keeps it simple.", "BREWLINE keeps it simple. #BrewLine @brewline brewline.com"),
    ("Brewline keeps it simple.", "Brew line cleaning takes an hour. The brew line must be clean."),
    ("Growth: $99 a month.", "OllieOps Growth is $249 a month."),
    ("Growth: $99 a month.", "Our Growth customers pay $29 a month more than Starter."),
    ("Growth: $99 a month.", "Upgrade from Starter to Growth for $70 a month."),
    ("Growth: $99 a month.", "Growth adds two sites for $70 a month."),
    ("Growth $99", "Growth: $100 a month saved on average."),
    ("Growth: $99 a month.", "Growth saves $400 a month in spoiled hops."),
    ("Growth: $99 a month.", "With Growth, brewers get back $1,200 a month."),
    ("Starter is $29 a month.", "A Starter account at $29 costs us $6 a month to run."),
    ("Starter: $29 a month", "Starter: $29 a month. Starter costs us $6 a month."),
    ("The workshop is on 12 May at noon.", "The second workshop is on 19 May."),
    ("The workshop is on 12 May.", "Next workshop: 12 June."),
    ("The workshop on 12 May is full.", "The workshop in Ghent is on 19 May."),
    ("Ship hop planner on 3 March.", "We ship the hop planner beta on 10 February."),
    ("Version 2 launches on 3 March.", "Version 3 launches on 3 June."),
    ("Summer sale: 20% off.", "Summer sale, last day: 30% off."),
    ("Offer valid until 31 March 2026.", "Offer valid until 30 April 2026 for members."),
)
YOGA = """# Tidewater Yoga: product marketing context

## Overview

Tidewater Yoga teaches yoga by the sea in Cork.

**Pricing:** Drop-in class €18. Ten-class pass €150. Monthly membership €95 a month. Teacher training €2,400.

## Offer

New students: two weeks unlimited for €35. 7-day cancellation.

## Competitors

- Cork Flow: €16 drop-in, 10-day trial
- Zen Harbour
"""
OF_YOGA = (
    ("Drop-in class: €18", "Drop-in class €18 (€14 for students)."),
    ("Drop-in class: €18", "Student drop-in class: €14."),
    ("Monthly membership €95 a month", "Monthly membership: €95, or €90 for couples each."),
    ("Teacher training €2,400", "Teacher training: €2,400, or three payments of €800."),
    ("Teacher training €2,400", "Teacher training deposit €400."),
    ("Teacher training €2,400.", "Reserve Teacher training with €400 today."),
    ("Ten-class pass €150", "Ten-class pass: €15 a class."),
    ("Ten-class pass €150", "With the Ten-class pass, a class costs €15."),
    ("Drop-in class €18", "Your first drop-in class is €10."),
    ("The retreat is on 4 July.", "The retreat sale ends on 30 May."),
    ("Retreat deadline: 30 May", "Retreat payment deadline: 15 June"),
    ("Classes start on 3 September.", "Beginners classes start on 10 September."),
    ("The course starts on 3 September.", "The course starts on 5 November in Dublin."),
    ("The workshop starts on 3 September.", "Evening workshop starts on 4 September."),
    ("Open day: 3 September", "Second open day: 10 September"),
    ("Beach event on 3 July", "Beach event on 10 July (rain date)."),
    ("Launch event on 3 July in Cork.", "Launch event on 10 July in Dublin."),
    ("Early bird ends 1 May.", "Early bird tickets end 1 May; late bird tickets end 1 June."),
    ("Early-bird price until 1 May", "Early bird registration opens 1 March."),
    ("Two weeks free trial for new members.", "Free for 10 days: a gift for members who bring a friend."),
    ("14-day trial", "Our challenge runs for 30 days."),
    ("Try it free for 14 days.", "Free parking for 30 days."),
    ("30-day money-back guarantee", "12-month guarantee on mats."),
    ("30-day returns", "Returns of mats within 14 days of the sale end."),
    ("2-year warranty on mats", "5-year warranty on blocks"),
    (
        "Welcome offer: 20% off your first order.",
        "Welcome email opens rose 35%. Welcome series: 10% off the second order.",
    ),
    ("Summer: 20% off retreats", "Summer: 15% off mats"),
    ("Black Friday: 30% off passes.", "Black Friday: 40% off mats."),
    ("Save 20% with code SEA20.", "Code SEA20 brought 12% of orders."),
    ("Use SEA20 code for 20% off.", "code SEA20: 20% off passes, 10% off mats"),
    ("Tidewater Yoga is open.", "Tidewater yoga classes. TIDEWATER YOGA. tidewateryoga.ie"),
    ("Tidewater Yoga", "Tide water levels are high. Tidewater, the sea."),
    ("Monthly membership is €95 a month.", "Monthly membership for two: €170 a month."),
    ("Monthly membership is €95 a month.", "Corporate monthly membership: €80 a month per person."),
    ("Monthly membership: €95 a month.", "Monthly membership brings in €9,500 a month."),
    ("Drop-in class €18", "Drop-in class revenue: €1,800"),
    ("Drop-in class €18", "Drop-in class (CPA €6)"),
    ("Drop-in class €18", "Drop-in class: cost €4 to run"),
    ("Webinar: 3 March", "Webinar sign-ups by 3 March: 40; by 10 March: 90"),
    ("Webinar: 3 March", "Webinar replay: 10 March"),
    ("Conference: 3 March", "Conference call: 12 March"),
    ("Launch on 3 March", "Launch prep starts on 20 February. Launch assets are due on 25 February."),
    ("The launch is on 3 March.", "Launch copy: 1 March"),
    ("The launch is on 3 March.", "| Task | Owner | Due |\n|---|---|---|\n| Launch | Ana | 2026-03-01 |"),
    ("We launch the app on 3 March.", "We launch the app in Germany on 3 June."),
    ("The app launches on 3 March.", "The app launches in beta on 3 February."),
    ("Registration closes on 20 May.", "Registration closes on 20 June for the autumn term."),
)
LOOKALIKES = tuple((BREWERY, *pair) for pair in OF_BREWERY) + tuple((YOGA, *pair) for pair in OF_YOGA)
