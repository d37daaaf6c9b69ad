/** Finds faults of a page's accessibility: those that axe-core reports, and contrast of placeholders and cut-off parts, which it does not check. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Frame } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Minimum contrast of text and background (WCAG 2.2, AA). */
const LEAST_CONTRAST = 4.5;

/** Returns the faults of a page, one line each. */
export async function pageFaults(frame: Frame): Promise<string[]> {
  // The TypeScript loader names functions with a helper that browsers do not have.
  await frame.evaluate("globalThis.__name = (named) => named;");
  await frame.evaluate(axe);
  const { violations } = await frame.evaluate(
    (): Promise<AxeResults> => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary}`),
  );
  const [width, visible] = await frame.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  if (width !== undefined && visible !== undefined && width > visible)
    found.push(`The page is ${width} pixels wide and shows ${visible}.`);
  for (const { text, contrast } of await placeholders(frame))
    if (contrast < LEAST_CONTRAST) found.push(`The placeholder ${text} has a contrast of ${contrast}.`);
  for (const text of await cutParts(frame)) found.push(`Cut off at the side: ${text}`);
  return found;
}

/** Returns the visible placeholders of a page, with their contrast to the background. axe does not check them. */
function placeholders(frame: Frame): Promise<{ readonly text: string; readonly contrast: number }[]> {
  return frame.evaluate(() => {
    type Color = readonly [red: number, green: number, blue: number];
    /** Paints a color over another. */
    const over = (color: string, [red, green, blue]: Color): Color => {
      const [r = 0, g = 0, b = 0, alpha = 1] = (color.match(/[\d.]+/g) ?? []).map(Number);
      const mix = (upper: number, lower: number) => upper * alpha + lower * (1 - alpha);
      return [mix(r, red), mix(g, green), mix(b, blue)];
    };
    const behind = (shown: Element | null): Color =>
      shown === null
        ? [255, 255, 255]
        : over(getComputedStyle(shown).backgroundColor, behind(shown.parentElement));
    const luminance = (color: Color): number => {
      const [red, green, blue] = color.map((value) =>
        value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
    };
    const fields = [...document.querySelectorAll<HTMLInputElement>(":is(input, textarea):placeholder-shown")];
    return fields
      .filter((field) => field.checkVisibility())
      .map((field) => {
        const background = behind(field);
        const { color } = getComputedStyle(field, "::placeholder");
        const [one, other] = [luminance(background), luminance(over(color, background))];
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        return { text: field.placeholder, contrast: Number(contrast.toFixed(2)) };
      });
  });
}

/** Returns the elements that a part of the page cuts off at the side without scrolling. Texts that end in an ellipsis do not count. */
function cutParts(frame: Frame): Promise<string[]> {
  return frame.evaluate(() => {
    const isCut = (shown: Element): boolean => {
      const { left, right } = shown.getBoundingClientRect();
      for (let around = shown.parentElement; around !== null; around = around.parentElement) {
        const { overflowX } = getComputedStyle(around);
        if (overflowX === "auto" || overflowX === "scroll") return false;
        const edges = around.getBoundingClientRect();
        const clips = overflowX === "hidden" || overflowX === "clip";
        if (clips && (left < edges.left - 1 || right > edges.right + 1)) return true;
      }
      return false;
    };
    const hasText = (shown: Element) =>
      [...shown.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
    return [...document.querySelectorAll("body *")]
      .filter(
        (shown) => shown.checkVisibility() && (hasText(shown) || shown.matches("input, select, canvas")),
      )
      .filter(isCut)
      .map((shown) => shown.outerHTML.slice(0, 120));
  });
}
