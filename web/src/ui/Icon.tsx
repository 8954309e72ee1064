/** Line icons on a 16 px grid, drawn for this page. Decorative: the control around one carries the name. */

const PATHS = {
  eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  eyeOff:
    'M2.5 2.5l11 11M6.3 4C6.8 3.6 7.4 3.5 8 3.5 12 3.5 14.5 8 14.5 8s-.7 1.3-2 2.5M4 5.2C2.4 6.4 1.5 8 1.5 8S4 12.5 8 12.5c.9 0 1.7-.2 2.4-.5',
  more: 'M8 3.5v.01M8 8v.01M8 12.5v.01',
  expand: 'M9.5 2.5h4v4M13.5 2.5l-4.5 4.5M6.5 13.5h-4v-4M2.5 13.5 7 9',
  close: 'M4 4l8 8M12 4l-8 8',
  chevronDown: 'M4 6l4 4 4-4',
  chevronRight: 'M6 4l4 4-4 4',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.5 10.5l3 3',
  sort: 'M5 3v10M5 13l-2.5-2.5M5 13l2.5-2.5M11 13V3M11 3 8.5 5.5M11 3l2.5 2.5',
  reset: 'M3 8a5 5 0 1 0 1.6-3.7M3 3v2.5h2.5',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  sun: 'M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5Z',
  system: 'M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3',
  help: 'M6 6a2 2 0 1 1 2.8 1.9c-.6.2-.8.7-.8 1.3M8 11.8v.01M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z',
  file: 'M4 1.5h5l3.5 3.5v9.5H4zM9 1.5V5h3.5',
  folder: 'M1.5 4V12.5h13V5h-6L7 3.5H1.5z',
  download: 'M8 2.5v7.5M8 10 5 7M8 10l3-3M2.5 13.5h11',
  compare: 'M2.5 3h4.5v10H2.5zM9 3h4.5v10H9z',
  arrowDown: 'M8 3v10M8 13l-4-4M8 13l4-4',
  warn: 'M8 2 1.5 13.5h13zM8 6.5v3.5M8 12v.01',
  stop: 'M4 4h8v8H4z',
  play: 'M5 3.5v9l7-4.5z',
  image: 'M2.5 3h11v10h-11zM2.5 11l3.5-3.5 3 3 1.5-1.5 3 3M10.5 6.2v.01',
  swap: 'M3 5.5h10M13 5.5 10.5 3M13 10.5H3M3 10.5 5.5 13',
  wrap: 'M2 4h12M2 8h9.5a2 2 0 0 1 0 4H8M9.5 10.5 8 12l1.5 1.5M2 12h3',
  clock: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 4.5V8l2.5 1.5',
  list: 'M2 4h12M2 8h12M2 12h12',
  chart: 'M2 2v12h12M4.5 10.5l3-4 2.5 2 3.5-5',
  pencil: 'M2.5 13.5l.8-3.2 7.7-7.7 2.4 2.4-7.7 7.7zM9.5 4.1l2.4 2.4',
  box: 'M8 1.5 14 4.5v7L8 14.5l-6-3v-7zM2 4.5l6 3 6-3M8 7.5v7',
  graph:
    'M4 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3ZM4 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3ZM12.5 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3ZM5.5 4.5l5.5 2.8M5.5 11.5l5.5-2.8',
  trash: 'M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4',
  lock: 'M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  fit: 'M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  arrowLeft: 'M13 8H3M3 8l4-4M3 8l4 4',
  user: 'M8 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM3 13.5c.5-2.5 2.5-4 5-4s4.5 1.5 5 4',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2 : 1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
