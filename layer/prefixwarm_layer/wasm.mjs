// Runs `compiled(text)` of a Python program in Pyodide: CPython, built for WebAssembly.
// Usage: node wasm.mjs PYODIDE_FOLDER PROGRAM <text >bytes
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, program] = process.argv.slice(2);
const text = readFileSync(0, "utf8");
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const python = await loadPyodide({ env: { HOME: "/", PYTHONHASHSEED: "0" } });
try {
  python.runPython(program);
  process.stdout.write(python.globals.get("compiled")(text).toJs());
} catch (error) {
  // Uncaught, it would be shown with a line of a megabyte.
  console.error(error.message);
  process.exitCode = 1;
}
