type Attributes = Readonly<Record<string, string>>;

/** An element with attributes and children; `class` and `aria-…` are attributes like any other. */
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

/** Changes a text only where it differs, so that live regions do not say it again. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Calls `action` once in the next frame, however often it is asked for until then. */
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

/** Calls `action` at most every so many milliseconds, the last time after the last call. */
export function atMostEvery(milliseconds: number, action: () => void): () => void {
  let waiting = false;
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    if (waiting) return;
    waiting = true;
    const wait = Math.max(0, last + milliseconds - performance.now());
    setTimeout(() => {
      waiting = false;
      last = performance.now();
      action();
    }, wait);
  };
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
