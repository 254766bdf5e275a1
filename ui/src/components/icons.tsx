// Icons: strokes on a 16 px grid, drawn for this console.
const paths: Record<string, string> = {
  overview: 'M2 2.5h5v5H2zM9.5 2.5H14v3H9.5zM9.5 8H14v5.5H9.5zM2 10h5v3.5H2z',
  apps: 'M8 1.7 14 5v6l-6 3.3L2 11V5zM2.2 5.1 8 8.2l5.8-3.1M8 8.2v6',
  changes: 'M2 8h2.6l2-5 2.8 10 2-5H14',
  clusters: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.1M5 11h.1',
  repositories: 'M4.5 5.8a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2zm0 0v4.4m0 0a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2zm7-4.4a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2zm0 0c0 3-3 2.6-5.6 3.6',
  measures: 'M2.5 13.5h11M4 11V8M8 11V3M12 11V6',
  settings: 'M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6M10 2.7v3.6M6 9.7v3.6',
  promotion: 'M2 12.5h3.5v-4h4v-4H14M11.5 2 14 4.5 11.5 7',
  previews: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  policy: 'M8 1.8 13.5 4v4c0 3.2-2.3 5.4-5.5 6.4C4.8 13.4 2.5 11.2 2.5 8V4zM5.6 8l1.7 1.7 3.2-3.4',
  secrets: 'M5.2 11.6a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM7.3 7l6.2-4.6M11 4.3l1.7 2.2M9 5.8l1.3 1.7',
  stacks: 'M8 2 14 5 8 8 2 5zM2.4 8 8 10.8 13.6 8M2.4 11 8 13.8 13.6 11',
  agents: 'M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4zM5 11a4.2 4.2 0 0 1 0-6M11 5a4.2 4.2 0 0 1 0 6M2.9 13.1a7.2 7.2 0 0 1 0-10.2M13.1 2.9a7.2 7.2 0 0 1 0 10.2',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14',
  x: 'm3.5 3.5 9 9m0-9-9 9',
  check: 'm2.8 8.6 3.4 3.4 7-7.6',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  alert: 'M8 1.8 15 14H1zM8 6.4v3.4M8 11.9v.1',
  info: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 7.3v3.9M8 4.9v.1',
  down: 'm4 6 4 4 4-4',
  up: 'm4 10 4-4 4 4',
  right: 'm6 4 4 4-4 4',
  left: 'm10 4-4 4 4 4',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13',
  moon: 'M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z',
  help: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.5.2-.8.5-.8 1v.2M8 11.5v.1',
  user: 'M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14a5.5 5.5 0 0 1 11 0',
  menu: 'M2 4h12M2 8h12M2 12h12',
  list: 'M5.5 4H14M5.5 8H14M5.5 12H14M2 4h.1M2 8h.1M2 12h.1',
  matrix: 'M2 2h12v12H2zM2 6.5h12M6.5 2v12M2 10.3h12M10.3 2v12',
  columns: 'M2 2.5h12v11H2zM6 2.5v11M10 2.5v11',
  grid: 'M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM9.5 9.5h4v4h-4z',
  filter: 'M2 3.5h12L9.5 9v4l-3 1.5V9z',
  refresh: 'M13.5 8a5.5 5.5 0 1 1-1.6-3.9L13.5 5.7M13.5 2.3v3.4h-3.4',
  sync: 'M2.5 6.5A5.7 5.7 0 0 1 13 5M13.5 2v3.4h-3.4M13.5 9.5A5.7 5.7 0 0 1 3 11M2.5 14v-3.4h3.4',
  drop: 'M8 1.8c2.6 3 4.4 5.2 4.4 7.6a4.4 4.4 0 0 1-8.8 0C3.6 7 5.4 4.8 8 1.8z',
  link: 'M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2A2.6 2.6 0 0 0 9 3.3L8 4.2M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 0 0 7 12.7l1-.9',
  play: 'M4.5 2.8v10.4L13 8z',
  pause: 'M5 3v10M11 3v10',
  stop: 'M3.5 3.5h9v9h-9z',
  back: 'M6.5 3 2.5 7l4 4M2.5 7h7a4 4 0 0 1 4 4v1.5',
  clock: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.5V8l2.4 1.6',
  download: 'M8 2v8.5M4.5 7.2 8 10.7l3.5-3.5M2.5 13.5h11',
  bell: 'M4 7a4 4 0 1 1 8 0c0 4 1.5 4.5 1.5 4.5h-11S4 11 4 7zM6.7 13.8h2.6',
  more: 'M3 8h.1M8 8h.1M13 8h.1',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  wrap: 'M2 3.5h12M2 8h9.5a2.3 2.3 0 0 1 0 4.6H8M9.8 10.8 8 12.6l1.8 1.8M2 12.6h3',
  tree: 'M2.5 3.5h5M7.5 8h6M7.5 12.5h6M4.5 3.5v9h3M4.5 8h3',
  commit: 'M8 10.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM1 8h4.4M10.6 8H15',
  external: 'M6 3.5H3v9.5h9.5V10M9 2.5h4.5V7M13.2 2.8 7.5 8.5',
  star: 'm8 1.8 1.9 4 4.4.6-3.2 3 .8 4.4L8 11.7l-3.9 2.1.8-4.4-3.2-3 4.4-.6z',
  edit: 'M10.8 2.6 13.4 5.2 5.6 13H3v-2.6zM9.2 4.2l2.6 2.6',
  file: 'M4 1.8h5l3.5 3.5v9H4zM9 1.8v3.5h3.5',
  expand: 'M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9',
  tv: 'M1.8 3h12.4v8.5H1.8zM5.5 14h5',
}

export type IconName = keyof typeof paths

/** Icon is decoration: what it means stands beside it, or in the label of its button. */
export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={1.4} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name] ?? paths.info} />
    </svg>
  )
}
