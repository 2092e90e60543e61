// Runs the network, so that the page never waits for it. One message, one answer.

import * as ort from './ort.wasm.bundle.min.mjs'
import { predict } from './client.mjs'

ort.env.wasm.numThreads = 1 // more would need a page that is isolated across origins

const sessions = new Map()

self.onmessage = async ({ data: { id, file, model, query } }) => {
  try {
    if (!sessions.has(file)) sessions.set(file, open(file))
    const answers = await predict(ort, await sessions.get(file), model, query)
    self.postMessage({ id, answers })
  } catch (error) {
    sessions.delete(file)
    self.postMessage({ id, error: String(error) })
  }
}

async function open(file) {
  ort.env.wasm.wasmBinary ??= await fetchBytes('ort-wasm-simd-threaded.wasm.gz')
  return ort.InferenceSession.create(await fetchBytes(file))
}

/** A file beside the page, whether it is compressed or the server has undone that. */
async function fetchBytes(name) {
  const response = await fetch(new URL(name, import.meta.url))
  if (!response.ok) throw new Error(`${name} can't be loaded (${response.status})`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const content = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Uint8Array(await new Response(content).arrayBuffer())
}
