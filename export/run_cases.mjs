// Runs cases through an interchange file in a JavaScript build of onnxruntime.
//
//   node run_cases.mjs PACKAGE MODEL.onnx CASES.json OUTPUTS.json
//
// PACKAGE is onnxruntime-node or onnxruntime-web (its WebAssembly build), installed in the working
// directory. CASES.json is a list of {input: {type, dims, data}} with data in base64,
// little-endian; OUTPUTS.json a list of {dims, data}.
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [packageName, modelPath, casesPath, outputsPath] = process.argv.slice(2)
const ARRAYS = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array }

const require = createRequire(path.join(process.cwd(), 'here.js'))
const imported = await import(pathToFileURL(require.resolve(packageName)))
const ort = imported.default ?? imported
if (packageName === 'onnxruntime-web') ort.env.wasm.numThreads = 1

const session = await ort.InferenceSession.create(await readFile(modelPath))
const outputs = []
for (const inputs of JSON.parse(await readFile(casesPath, 'utf8'))) {
  const feeds = {}
  for (const [name, { type, dims, data }] of Object.entries(inputs)) {
    const bytes = new Uint8Array(Buffer.from(data, 'base64'))
    feeds[name] = new ort.Tensor(type, new ARRAYS[type](bytes.buffer), dims)
  }
  const { output } = await session.run(feeds)
  const bytes = Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength)
  outputs.push({ dims: output.dims, data: bytes.toString('base64') })
}
await writeFile(outputsPath, JSON.stringify(outputs))
process.exit(0) // threads of WebAssembly would keep it running
