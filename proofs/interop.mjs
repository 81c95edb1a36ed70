// What Node's own BullMQ and bull-board see of our queue. Prints one JSON document.
// Arguments: port, prefix, queue name, and what to do: look | stranger | gone
import { Queue } from "bullmq";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";

const [port, prefix, name, what] = process.argv.slice(2);
const STRANGER = "put-by-node";
const queue = new Queue(name, { prefix, connection: { host: "127.0.0.1", port: Number(port) } });

async function board() {
  const caught = {};
  const adapter = new Proxy({}, { get: (_, key) => (value) => { caught[key] = value; return adapter; } });
  createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter: adapter });
  const route = caught.setApiRoutes.find((each) => each.route === "/api/queues" || each.route.includes?.("/api/queues"));
  const query = { activeQueue: name, status: "prioritized", page: "1", jobsPerPage: "10" };
  const answer = await route.handler({ queues: caught.setQueues, query, params: {}, headers: {}, body: {} });
  const shown = answer.body.queues.find((each) => each.name === name);
  return { counts: shown.counts, jobs: shown.jobs.map((job) => job.id) };
}

const asked = {
  look: async () => {
    const jobs = await queue.getJobs(["prioritized"], 0, 100, true);
    const counts = await queue.getJobCounts();
    return { counts, jobs: jobs.map((job) => ({ id: job.id, data: job.data, priority: job.opts.priority })), board: await board() };
  },
  stranger: async () => ({ added: (await queue.add("unknown", { of: "nobody" }, { jobId: STRANGER })).id }),
  gone: async () => ({ gone: !(await queue.getJob(STRANGER)), counts: await queue.getJobCounts() }),
};
console.log(JSON.stringify(await asked[what]()));
await queue.close();
