// Fits, reads, writes and predicts, with bundles (docs/bundles.md) and .onnx files of the wlearn
// profile (docs/export.md), in Node.js from 20 on and in browsers.
//
// The tests hold it against Python. It keeps to what @wlearn/mitra does: one run of the network,
// no ensemble, no correction for the support's class frequencies, constant columns kept. The playground
// (fit.mjs) adds what of that Python adds.
//
// A model is {typeId, params: {maxSupport, seed}, nFeatures, onnxSha256, x, y}, where x is a
// Float32Array of support rows, one after the other, and y an Int32Array of labels or a
// Float32Array of targets. A classifier also has classes, the distinct values that y may have,
// ascending, and names, what they are called.

export const CLASSIFIER = 'wlearn.mitra_onnx.classifier@1'
export const REGRESSOR = 'wlearn.mitra_onnx.regressor@1'

/**
 * @param {Float32Array} x rows, one after the other
 * @param {Int32Array|Float32Array} y labels for a classifier, targets for a regressor
 */
export function fit(typeId, x, y, { maxSupport = 512, seed = 42, onnxSha256 = null } = {}) {
  const nFeatures = x.length / y.length
  const rows = selectSupport(typeId, y, maxSupport, seed)
  const support = new Float32Array(rows.length * nFeatures)
  rows.forEach((row, i) => {
    support.set(x.subarray(row * nFeatures, (row + 1) * nFeatures), i * nFeatures)
  })
  const params = { maxSupport, seed }
  const model = { typeId, params, nFeatures, onnxSha256, x: support, y: y.constructor.from(rows, (i) => y[i]) }
  if (typeId === CLASSIFIER) model.classes = model.names = distinct(model.y)
  return model
}

/**
 * @param ort onnxruntime-node or onnxruntime-web
 * @param session of the .onnx file
 * @param {Float32Array} query rows, one after the other
 * @returns {Promise<object>} {targets}, or {labels, probabilities}, an array for each row
 */
export async function predict(ort, session, model, query) {
  const { typeId, nFeatures, x, y } = model
  const nSupport = y.length, nQuery = query.length / nFeatures
  const labels = typeId === CLASSIFIER ? ['int64', BigInt64Array.from(y, BigInt)] : ['float32', y]
  const { output } = await session.run({
    x_support: new ort.Tensor('float32', x, [1, nSupport, nFeatures]),
    y_support: new ort.Tensor(...labels, [1, nSupport]),
    x_query: new ort.Tensor('float32', query, [1, nQuery, nFeatures]),
    padding_obs_support: new ort.Tensor('bool', new Uint8Array(nSupport), [1, nSupport]),
  })
  if (typeId === REGRESSOR) return { targets: Array.from(output.data) }

  const present = distinct(y), columns = output.dims[2]
  check(columns === present.length, `${columns} columns for ${present.length} classes: export ` +
    'the .onnx file anew, with --profile wlearn')
  const probabilities = Array.from({ length: nQuery }, (_, i) => {
    const found = softmax(output.data.subarray(i * columns, (i + 1) * columns))
    return model.classes.map((label) => found[present.indexOf(label)] ?? 0)
  })
  return { labels: probabilities.map((p) => model.names[p.indexOf(Math.max(...p))]), probabilities }
}

// ---- support rows --------------------------------------------------------------------------------

/**
 * The numbers of the support rows, ascending: as many of each class, as far as they go. With
 * topUp, other rows take the places that a small class leaves, as in Python's default.
 */
export function selectSupport(typeId, y, maxSupport, seed, { topUp = false } = {}) {
  const rows = Array.from(y.keys())
  if (rows.length <= maxSupport) return rows
  const draw = makeGenerator(seed)
  if (typeId === REGRESSOR) return ascending(shuffle(rows, draw).slice(0, maxSupport))
  const classes = distinct(y), share = Math.floor(maxSupport / classes.length)
  const selected = classes.flatMap((label, k) => {
    const places = share + (k < maxSupport % classes.length ? 1 : 0)
    return shuffle(rows.filter((i) => y[i] === label), draw).slice(0, places)
  })
  if (topUp && selected.length < maxSupport) {
    const taken = new Set(selected)
    const rest = shuffle(rows.filter((i) => !taken.has(i)), draw)
    selected.push(...rest.slice(0, maxSupport - selected.length))
  }
  return ascending(selected)
}

/** A linear congruential generator. Its draws lie in [0, 1], both ends included. */
export function makeGenerator(seed) {
  let state = seed & 0x7fffffff
  return () => {
    state = (state * 1664525 + 1013904223) & 0x7fffffff // below 2**53: exact
    return state / 0x7fffffff
  }
}

/** Shuffles in place. */
export function shuffle(values, draw) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.min(Math.floor(draw() * (i + 1)), i)
    ;[values[i], values[j]] = [values[j], values[i]]
  }
  return values
}

// ---- bundles -------------------------------------------------------------------------------------

const JSON_TYPE = 'application/json', BYTES_TYPE = 'application/octet-stream'

/**
 * @param {Uint8Array} bytes a bundle. The model's arrays are views of it, so it must start at a
 *   multiple of 4 in its buffer, as files read and responses fetched do.
 */
export async function read(bytes) {
  const { manifest, artifacts } = await readBundle(bytes)
  const { typeId, params } = manifest
  check([CLASSIFIER, REGRESSOR].includes(typeId), `a bundle of type ${typeId}`)
  const { nFeatures, nSupport, onnxSha256, classes, classNames } = parse(artifacts.meta)
  const x = view(Float32Array, artifacts.support_x)
  const y = view(typeId === CLASSIFIER ? Int32Array : Float32Array, artifacts.support_y)
  check(x.length === nSupport * nFeatures && y.length === nSupport, 'a support of another size')
  const model = { typeId, params, nFeatures, onnxSha256, x, y }
  return typeId === CLASSIFIER ? { ...model, classes, names: classNames ?? classes } : model
}

/**
 * @param {object} model
 * @param {object} learned for the artifact that only Python reads; null for none
 * @returns {Promise<Uint8Array>} a bundle
 */
export async function write({ typeId, params, nFeatures, onnxSha256, x, y, classes, names }, learned = null) {
  const meta = { nFeatures, nSupport: y.length, onnxSha256, seed: params.seed }
  const metadata = { nFeatures }
  if (classes) {
    meta.classes = classes
    if (names.some((name, i) => name !== classes[i])) {
      meta.classNames = names.map(String)
      meta.labels = 'ids'
    }
    metadata.nClasses = classes.length
  }
  return writeBundle({ typeId, params, metadata, bundleVersion: 1 }, {
    meta: padded(json(meta)),
    ...(learned && { sklearn_mitra: padded(json(learned)) }),
    support_x: new Uint8Array(x.buffer, x.byteOffset, x.byteLength),
    support_y: new Uint8Array(y.buffer, y.byteOffset, y.byteLength),
  })
}

/** Checks all sizes and hashes. The artifacts are views of the bytes. */
export async function readBundle(bytes) {
  check(bytes.length >= 16 && utf8(bytes.subarray(0, 4)) === 'WLRN', 'no bundle')
  const header = new DataView(bytes.buffer, bytes.byteOffset, 16)
  check(header.getUint32(4, true) === 1, `a bundle of version ${header.getUint32(4, true)}`)
  const toc = 16 + header.getUint32(8, true), blobs = toc + header.getUint32(12, true)
  check(blobs <= bytes.length, 'a truncated bundle')
  const artifacts = {}
  let end = blobs
  for (const { id, offset, length, sha256 } of parse(bytes.subarray(toc, blobs))) {
    artifacts[id] = bytes.subarray(blobs + offset, blobs + offset + length)
    check(artifacts[id].length === length, `a truncated artifact ${id}`)
    check((await hash(artifacts[id])) === sha256, `a damaged artifact ${id}`)
    end = Math.max(end, blobs + offset + length)
  }
  check(end === bytes.length, 'trailing bytes')
  return { manifest: parse(bytes.subarray(16, toc)), artifacts }
}

/** Artifacts start at multiples of 4 if all sizes are. */
async function writeBundle(manifest, artifacts) {
  const toc = []
  let offset = 0
  for (const id of Object.keys(artifacts).sort()) {
    const { length } = artifacts[id], mediaType = id.startsWith('support_') ? BYTES_TYPE : JSON_TYPE
    toc.push({ id, length, mediaType, offset, sha256: await hash(artifacts[id]) })
    offset += length
  }
  const head = padded(json(manifest)), contents = padded(json(toc))
  const header = new DataView(new ArrayBuffer(16))
  new Uint8Array(header.buffer).set(new TextEncoder().encode('WLRN'))
  ;[1, head.length, contents.length].forEach((n, i) => header.setUint32(4 + 4 * i, n, true))
  const blobs = toc.map(({ id }) => artifacts[id])
  return new Uint8Array(await new Blob([header, head, contents, ...blobs]).arrayBuffer())
}

async function hash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

// ---- helpers -------------------------------------------------------------------------------------

function check(condition, what) {
  if (!condition) throw new Error(`Got ${what}.`)
}

function softmax(logits) {
  const largest = Math.max(...logits)
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = powers.reduce((a, b) => a + b)
  return powers.map((power) => power / sum)
}

const ascending = (values) => values.sort((a, b) => a - b)
const distinct = (values) => ascending(Array.from(new Set(values)))
const view = (Type, bytes) => new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
const utf8 = (bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes)
const parse = (bytes) => JSON.parse(utf8(bytes))

/** JSON with sorted keys. */
function json(value) {
  const sorted = (_, v) =>
    v?.constructor === Object ? Object.fromEntries(Object.entries(v).sort()) : v
  return JSON.stringify(value, sorted)
}

/** Text as bytes, with spaces up to a multiple of 4. */
function padded(text) {
  const { length } = new TextEncoder().encode(text)
  return new TextEncoder().encode(text + ' '.repeat(-length & 3))
}
