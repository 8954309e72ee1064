/** Loads two images and compares their pixels, apart from the page: a large pair takes longer than a frame. */

import { differenceOf } from '../../core/difference'
import type { DifferenceReply, DifferenceRequest } from './differenceMessages'

self.addEventListener('message', ({ data }: MessageEvent<DifferenceRequest>) => {
  compare(data).then(
    (reply) => self.postMessage(reply, { transfer: reply.failed === null ? [reply.bitmap] : [] }),
    (error: unknown) => {
      const failed = error instanceof Error ? error.message : String(error)
      self.postMessage({ number: data.number, failed } satisfies DifferenceReply)
    },
  )
})

async function compare({ number, a, b }: DifferenceRequest): Promise<DifferenceReply> {
  const [first, second] = await Promise.all([load(a), load(b)])
  // The second is brought to the size of the first, as it is when one lies over the other.
  const { width, height } = first
  const pixelsA = pixelsOf(first, width, height)
  const pixelsB = pixelsOf(second, width, height)
  const { pixels, changed, mean, most } = differenceOf(pixelsA, pixelsB)
  const canvas = new OffscreenCanvas(width, height)
  contextOf(canvas).putImageData(new ImageData(pixels, width, height), 0, 0)
  return { number, failed: null, bitmap: canvas.transferToImageBitmap(), changed, mean, most }
}

async function load(url: string): Promise<ImageBitmap> {
  const response = await fetch(url, { credentials: 'same-origin' })
  if (!response.ok) throw new Error(`an image could not be loaded (${response.status})`)
  return createImageBitmap(await response.blob())
}

function pixelsOf(image: ImageBitmap, width: number, height: number): Uint8ClampedArray {
  const context = contextOf(new OffscreenCanvas(width, height))
  context.drawImage(image, 0, 0, width, height)
  image.close()
  return context.getImageData(0, 0, width, height).data
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) throw new Error('this browser has no canvas for workers')
  return context
}
