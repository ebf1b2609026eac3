'use strict';
// Stands for AWS's runtime client of Node.js, which has to be compiled: it loads the handler and
// serves Lambda's Runtime API. Streaming, callbacks and extensions of the context are left out.
const path = require('path');
const { pathToFileURL } = require('url');

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

async function load() {
  const [file, name] = process.env._HANDLER.split('.');
  const base = path.join(process.env.LAMBDA_TASK_ROOT || '/var/task', file);
  for (const ending of ['.mjs', '.js', '.cjs']) {
    try {
      return (await import(pathToFileURL(base + ending).href))[name];
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error(`no handler ${process.env._HANDLER}`);
}

async function post(place, value) {
  await fetch(`${api}/${place}`, { method: 'POST', body: JSON.stringify(value ?? null) });
}

function described(error) {
  return { errorType: error.name, errorMessage: error.message };
}

async function serve(handler) {
  for (;;) {
    const next = await fetch(`${api}/invocation/next`);
    const id = next.headers.get('lambda-runtime-aws-request-id');
    const ends = Number(next.headers.get('lambda-runtime-deadline-ms'));
    const context = { awsRequestId: id, getRemainingTimeInMillis: () => ends - Date.now() };
    try {
      await post(`invocation/${id}/response`, await handler(await next.json(), context));
    } catch (error) {
      await post(`invocation/${id}/error`, described(error));
    }
  }
}

load().then(serve, (error) => post('init/error', described(error)).then(() => process.exit(1)));
