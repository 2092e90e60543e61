// Runs tables through an interchange file, in Node.js or in a page.

const ARRAYS = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array }

/**
 * @param ort onnxruntime-node or onnxruntime-web
 * @param {Uint8Array} model an interchange file
 * @param {object[]} cases each {input: {type, dims, data}}, data in base64, little-endian
 * @returns {Promise<object[]>} an output for each case, {dims, data}
 */
export async function runCases(ort, model, cases) {
  const session = await ort.InferenceSession.create(model)
  const outputs = []
  for (const inputs of cases) {
    const feeds = {}
    for (const [name, { type, dims, data }] of Object.entries(inputs)) {
      const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0))
      feeds[name] = new ort.Tensor(type, new ARRAYS[type](bytes.buffer), dims)
    }
    const { output } = await session.run(feeds)
    const { buffer, byteOffset, byteLength } = output.data
    const bytes = Array.from(new Uint8Array(buffer, byteOffset, byteLength))
    outputs.push({ dims: output.dims, data: btoa(String.fromCharCode(...bytes)) })
  }
  return outputs
}
