import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

const lambda = new LambdaClient({});

/** Ask the keep-warm function for warm prefixes; resolves to an outcome for each. */
export async function warm(...names) {
  const event = { warm: names, needed_for_seconds: 300 };
  const command = new InvokeCommand({ FunctionName: process.env.PREFIXWARM_ASK, Payload: JSON.stringify(event) });
  const { FunctionError, Payload } = await lambda.send(command);
  const { outcomes, error } = JSON.parse(Buffer.from(Payload).toString());
  if (FunctionError || error) throw new Error(error?.message ?? FunctionError);
  return outcomes;
}
