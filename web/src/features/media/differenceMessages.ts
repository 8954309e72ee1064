/** What the page and the worker that compares pixels say to each other. */

export interface DifferenceRequest {
  number: number
  a: string
  b: string
}

export type DifferenceReply =
  | { number: number; failed: string }
  | { number: number; failed: null; bitmap: ImageBitmap; changed: number; mean: number; most: number }
