// The binary answer of the series route, as `docs/reference/rest.md` fixes it.

export const SERIES_TYPE = 'application/vnd.kymograph.series'

const MAGIC = 'KYS1'
const KINDS = new Map([
  [Float32Array, 'f4'],
  [Float64Array, 'f8'],
  [Uint32Array, 'u4'],
])

/** @param answer The JSON answer; its columns may be plain arrays (of numbers and null) or typed ones. */
export function encodeSeries(answer) {
  const columns = []
  let offset = 0
  const place = (column) => {
    const values = ArrayBuffer.isView(column)
      ? column
      : Float64Array.from(column, (value) => value ?? Number.NaN)
    const kind = KINDS.get(values.constructor)
    columns.push({ values, offset })
    const reference = [kind, offset, values.length]
    offset += Math.ceil(values.byteLength / 8) * 8
    return reference
  }
  const header = {
    ...answer,
    xs: answer.xs.map(place),
    series: answer.series.map((item) => ({
      ...item,
      ...Object.fromEntries(
        ['mean', 'min', 'max', 'count'].flatMap((name) => (item[name] ? [[name, place(item[name])]] : [])),
      ),
    })),
  }
  const text = Buffer.from(JSON.stringify(header))
  const start = Math.ceil((8 + text.length) / 8) * 8
  const bytes = Buffer.alloc(start + offset, 0x20)
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt32LE(start - 8, 4)
  text.copy(bytes, 8)
  for (const { values, offset: at } of columns)
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).copy(bytes, start + at)
  return bytes
}
