// Carries out jobs with the client: in Node.js those of standard input, as JSON.
import * as client from '../../docs/playground/client.mjs'

/**
 * @param ort onnxruntime-node or onnxruntime-web
 * @param load a function from a name to the bytes of a file
 * @param {object} job the name of a bundle, to be found `offset` bytes from the start of its
 *   buffer, or `fit`, the arguments for it; and where there is an onnx file, a query
 */
export async function runJob(ort, load, { bundle, offset = 0, fit, onnx, query }) {
  let model
  if (bundle) {
    const bytes = await load(bundle)
    const place = new Uint8Array(offset + bytes.length).subarray(offset)
    place.set(bytes)
    model = await client.read(offset ? place : bytes)
  } else {
    const { typeId, x, y, ...params } = fit
    const Labels = typeId === client.CLASSIFIER ? Int32Array : Float32Array
    model = client.fit(typeId, new Float32Array(x), new Labels(y), params)
  }
  const result = { x: Array.from(model.x), y: Array.from(model.y), names: model.names }
  if (!onnx) return { model, result }
  const session = await ort.InferenceSession.create(await load(onnx))
  const answers = await client.predict(ort, session, model, new Float32Array(query))
  return { model, result: { ...result, ...answers } }
}

if (globalThis.process) {
  const { readFileSync } = await import('node:fs')
  const { readFile, writeFile } = await import('node:fs/promises')
  const { default: ort } = await import('onnxruntime-node')
  const results = []
  for (const job of JSON.parse(readFileSync(0, 'utf8'))) {
    try {
      const { model, result } = await runJob(ort, readFile, job)
      if (job.save) await writeFile(job.save, await client.write(model))
      results.push(result)
    } catch (error) {
      results.push({ error: String(error) })
    }
  }
  console.log(JSON.stringify(results))
}
