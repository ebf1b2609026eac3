// The Vercel AI SDK: streamed, with a tool and a cached system prompt.
import { anthropic } from "@ai-sdk/anthropic";
import { jsonSchema, streamText, tool } from "ai";

const prompt = "You are a patient support agent of a bicycle shop. ".repeat(120);
const order = { type: "object", properties: { order: { type: "string" } }, required: ["order"] };
const tools = {
  look_up: tool({
    description: "Look an order up.",
    inputSchema: jsonSchema(order),
    execute: async ({ order }) => `${order} is on its way`,
  }),
};
const cached = { anthropic: { cacheControl: { type: "ephemeral", ttl: "1h" } } };
for (const question of process.argv.slice(2)) {
  const { text } = streamText({
    model: anthropic(process.env.AGENT_MODEL ?? "claude-sonnet-5-5"),
    tools,
    system: { role: "system", content: prompt, providerOptions: cached },
    prompt: question,
  });
  console.log(await text);
}
