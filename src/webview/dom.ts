type Attributes = Readonly<Record<string, string>>;

/** Creates an element with attributes (`class`, `aria-…`) and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes?: Attributes,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name];
export function element(name: string, attributes?: Attributes, ...children: (Node | string)[]): HTMLElement;
export function element(
  name: string,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElement {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** Shows or hides an element. */
export function show(shown: HTMLElement, whether: boolean): void {
  shown.hidden = !whether;
}

/** Sets a text only if it differs, so that live regions do not announce it again. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Coalesces calls: runs `action` once in the next animation frame. */
export function oncePerFrame(action: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      action();
    });
  };
}

/**
 * Throttles `action`, which runs in an animation frame: at most once per interval, and so that the action and the browser's drawing take
 * at most a fifth of the time. The last request always leads to a call.
 */
export function sparingly(milliseconds: number, action: () => void): () => void {
  let asked = false;
  let busy = false;
  let next = 0;
  const inFrame = () => {
    asked = false;
    const began = performance.now();
    action();
    // A separate task runs after the frame is drawn.
    setTimeout(() => {
      busy = false;
      next = began + Math.max(milliseconds, 5 * (performance.now() - began));
      if (asked) ask();
    });
  };
  const ask = () => {
    asked = true;
    if (busy) return;
    busy = true;
    setTimeout(() => requestAnimationFrame(inFrame), Math.max(0, next - performance.now()));
  };
  return ask;
}

/** A native slider (the toolkit has none) with a label for screen readers. */
export function slider(
  label: string,
  range: { readonly min: number; readonly max: number; readonly step: number; readonly value: number },
  moved: (value: number) => void,
): HTMLInputElement {
  const made = element("input", { type: "range", "aria-label": label });
  made.min = String(range.min);
  made.max = String(range.max);
  made.step = String(range.step);
  made.value = String(range.value);
  made.addEventListener("input", () => moved(made.valueAsNumber));
  return made;
}
