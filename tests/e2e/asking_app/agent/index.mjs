// An agent in TypeScript's runtime: it sends the prefix that its warm calls write.
import { readFile } from 'node:fs/promises';

const request = JSON.parse(await readFile(new URL('./request.json', import.meta.url)));

export async function handler(event) {
  const reply = await fetch(`${process.env.ANTHROPIC_BASE_URL}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': process.env.ANTHROPIC_API_KEY,
    },
    body: JSON.stringify({ ...request, messages: [{ role: 'user', content: event.question }] }),
  });
  return (await reply.json()).usage;
}
