import { Dialog } from '../../ui/Dialog'

const GROUPS: readonly { title: string; keys: readonly (readonly [string, string])[] }[] = [
  {
    title: 'Everywhere',
    keys: [
      ['Ctrl k', 'Search or jump'],
      ['t', 'Theme: system, light, dark'],
      ['?', 'This list'],
      ['g p', 'Projects'],
      ['g w', 'Workspace of the project'],
      ['g a', 'Artifacts of the project'],
      ['g l', 'Lineage'],
      ['g m', 'Media of runs beside each other'],
    ],
  },
  {
    title: 'Workspace',
    keys: [
      ['/', 'Filter runs'],
      ['f', 'Find panels'],
      ['j  k', 'Next, previous run'],
      ['x', 'Select run and go on'],
      ['Shift x', 'Select the range'],
      ['Ctrl a', 'Select all that match'],
      ['Esc', 'Clear the selection'],
      ['c', 'Compare the selected runs'],
      ['m', 'Compare their media'],
      ['v', 'Show or hide the run'],
      ['Shift v', 'Show only this run'],
      ['Enter  o', 'Open run · in a new tab'],
      ['.', 'Show what is new'],
      ['Ctrl .', 'Hide or show the run list'],
      ['0', 'Reset zoom'],
    ],
  },
  {
    title: 'Media',
    keys: [
      ['←  →', 'Previous, next step'],
      ['Shift ←  →', 'Ten steps'],
      ['a  b', 'Put the image pointed at into A, B'],
      ['[  ]', 'Previous, next run'],
      ['o', 'Side by side, split, blend, difference'],
      ['s', 'Swap A and B'],
      ['+  −', 'Zoom all images'],
      ['0', 'Whole images'],
      ['/', 'Find runs'],
      ['Esc', 'Close A and B'],
      ['Alt wheel', 'Zoom at the pointer; drag to pan'],
      ['Click', 'Into A; with Shift into B'],
    ],
  },
  {
    title: 'Artifacts and lineage',
    keys: [
      ['↑  ↓', 'Previous, next row'],
      ['←  →', 'Column beside; close, open a folder'],
      ['[  ]', 'Lineage: one step less, more'],
      ['0', 'Lineage: fit'],
      ['+  −', 'Lineage: zoom'],
    ],
  },
  {
    title: 'Focused chart',
    keys: [
      ['←  →', 'Crosshair by bucket'],
      ['↑  ↓', 'Previous, next line'],
      ['Shift ←  →', 'Pan'],
      ['+  −', 'Zoom'],
      ['0', 'Reset zoom'],
      ['Space', 'Freeze the tooltip'],
      ['Enter', 'Full screen'],
    ],
  },
  {
    title: 'Mouse on a chart',
    keys: [
      ['Drag', 'Zoom x, y or both'],
      ['Double click', 'One step back'],
      ['Alt wheel', 'Zoom at the pointer'],
      ['Alt drag', 'Pan'],
      ['Click', 'Freeze the tooltip'],
    ],
  },
]

export function KeysDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard and mouse" onClose={onClose} wide>
      <div className="keys">
        {GROUPS.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
