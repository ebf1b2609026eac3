// The official TypeScript SDK: streamed, with a tool and a cached system prompt.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();
const prompt = "You are a patient support agent of a bicycle shop. ".repeat(120);
for (const question of process.argv.slice(2)) {
  const stream = client.messages.stream({
    model: process.env.AGENT_MODEL ?? "claude-sonnet-5-5",
    max_tokens: 50,
    tools: [
      {
        name: "look_up",
        description: "Look an order up.",
        input_schema: { type: "object", properties: { order: { type: "string" } } },
      },
    ],
    system: [{ type: "text", text: prompt, cache_control: { type: "ephemeral", ttl: "1h" } }],
    messages: [{ role: "user", content: question }],
  });
  console.log((await stream.finalMessage()).usage);
}
