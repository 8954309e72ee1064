/** A slider for the weight of the moving average; at 0 it is off. */

interface SmoothingProps {
  value: number
  onChange: (value: number) => void
}

export function Smoothing({ value, onChange }: SmoothingProps) {
  return (
    <label
      className={`smoothing ${value > 0 ? 'is-on' : ''}`}
      title="Exponential moving average; raw lines stay behind"
    >
      <span>
        Smooth <span className="smoothing-value">{value === 0 ? 'off' : value.toFixed(2)}</span>
      </span>
      <input
        type="range"
        aria-label="Smoothing"
        min={0}
        max={0.99}
        step={0.01}
        value={value}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
    </label>
  )
}
