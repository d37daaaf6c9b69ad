/** The editor's colors for canvases, which CSS variables do not reach. */
export interface Theme {
  readonly foreground: string;
  readonly faint: string;
  readonly grid: string;
  readonly background: string;
  readonly focus: string;
  /** Colors of curves, chosen to be distinguishable with common color vision deficiencies. See {@link curveColor}. */
  readonly curves: readonly string[];
}

const CURVES = [
  ["--vscode-charts-blue", "#3794ff"],
  ["--vscode-charts-orange", "#d18616"],
  ["--vscode-charts-green", "#89d185"],
  ["--vscode-charts-purple", "#b180d7"],
  ["--vscode-charts-red", "#f14c4c"],
  ["--vscode-charts-yellow", "#cca700"],
] as const;

/** Number of runs whose curves have different colors. */
export const CURVE_COLORS = CURVES.length;

let current: Theme | undefined;
const listeners = new Set<() => void>();

/** Returns the colors of the current theme. */
export function theme(): Theme {
  current ??= readTheme();
  return current;
}

/** Returns the color of a curve. Colors repeat when there are more curves. */
export function curveColor(index: number): string {
  const { curves, foreground } = theme();
  return curves[index % curves.length] ?? foreground;
}

/** Calls a listener when the theme changes, so that it redraws its canvas. */
export function onThemeChange(listener: () => void): void {
  listeners.add(listener);
}

function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  const foreground = value("--vscode-foreground", "#cccccc");
  return {
    foreground,
    faint: value("--vscode-descriptionForeground", foreground),
    grid: `color-mix(in srgb, ${foreground} 15%, transparent)`,
    background: value("--vscode-editor-background", "#1f1f1f"),
    focus: value("--vscode-focusBorder", "#0078d4"),
    curves: CURVES.map(([name, otherwise]) => opaque(value(name, otherwise))),
  };
}

/** Removes transparency: some themes' chart colors are too faint for a line. */
const opaque = (color: string): string =>
  color.replace(/^(#[\da-f]{6})[\da-f]{2}$/i, "$1").replace(/^rgba\((.+),[^,]+\)$/, "rgb($1)");

// VS Code changes the variables on the root and the theme's class on the body.
const observer = new MutationObserver(() => {
  current = undefined;
  for (const listener of listeners) listener();
});
observer.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
