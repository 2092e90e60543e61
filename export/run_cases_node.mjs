// node run_cases_node.mjs PACKAGE MODEL.onnx CASES.json OUTPUTS.json
//
// PACKAGE is onnxruntime-node, or onnxruntime-web for its WebAssembly build. It is looked for in
// the node_modules of the working directory. For the two JSON files see run_cases.mjs.
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { runCases } from './run_cases.mjs'

const [packageName, modelPath, casesPath, outputsPath] = process.argv.slice(2)
const require = createRequire(path.join(process.cwd(), 'anything.js'))
const imported = await import(pathToFileURL(require.resolve(packageName)))
const ort = imported.default ?? imported
if (packageName === 'onnxruntime-web') ort.env.wasm.numThreads = 1

const cases = JSON.parse(await readFile(casesPath, 'utf8'))
const outputs = await runCases(ort, await readFile(modelPath), cases)
await writeFile(outputsPath, JSON.stringify(outputs))
process.exit(0) // threads of WebAssembly would keep it running
