/** Ranges and tick labels of a chart's y axis. */
import type uPlot from "uplot";

/** Pads a linear axis by 8 % at both ends. */
export const linearRange: uPlot.Scale.Range = {
  min: { pad: 0.08, mode: 0 },
  max: { pad: 0.08, mode: 0 },
};

/** Spans at least a factor of 1.6: a narrower logarithmic axis has no ticks. */
export const logRange: uPlot.Range.Function = (_, low, high) => {
  if (low === null || high === null || !(low > 0)) return [1e-3, 1];
  const widen = Math.max(1.08, Math.sqrt((1.6 * low) / high));
  return [low / widen, high * widen];
};

/** Chooses the labels of a logarithmic axis: all ticks within one decade; 1, 2, 5 up to three decades; powers of ten beyond. */
export const labeledTicks: uPlot.Axis.Filter = (plot, splits) => {
  const { min, max } = plot.scales.y ?? {};
  const decades = Math.log10((max ?? 1) / (min ?? 1));
  const labeled = labeledDigits(decades);
  return splits.map((value) => {
    if (value === null || value <= 0) return null;
    const leading = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
    // The ticks include the ends of the axis, whose leading digits are arbitrary.
    return labeled.some((digit) => Math.abs(leading - digit) < 1e-6) ? value : null;
  });
};

/** Returns the leading digits of the labeled ticks. */
function labeledDigits(decades: number): readonly number[] {
  if (decades > 3) return [1];
  return decades > 1 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
}
