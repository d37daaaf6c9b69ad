import type { RowKey } from "./keys-help.ts";
import type { RowState } from "./row-state.ts";
import type { Switch } from "./view-toolbar.ts";

/** Keyboard shortcuts of a row of images. */
export interface RowActions {
  goTo(z: number): void;
  toggle(which: Switch): void;
  swipeTo(share: number): void;
  stepChannel(by: number): void;
  showAllChannels(): void;
  stepLut(): void;
  automaticContrast(): void;
  copy(): void;
  save(): void;
  showKeys(): void;
}

/** Distance by which a key moves the swipe divider, as a share of the width. */
const SWIPE_STEP = 0.05;

/** The keys of a row of images, in the order of the list that `?` shows. */
export function rowKeys(state: RowState, actions: RowActions): readonly RowKey[] {
  const stack = () => state.depth > 1;
  const several = () => state.several;
  const swipes = () => state.swipes;
  const channels = () => state.channels > 1;
  return [
    { key: "Home", label: "First slice", applies: stack, run: () => actions.goTo(0) },
    { key: "End", label: "Last slice", applies: stack, run: () => actions.goTo(state.depth - 1) },
    { key: "m", label: "Maximum over all slices", applies: stack, run: () => actions.toggle("maximum") },
    { key: "o", label: "Orthogonal views", applies: stack, run: () => actions.toggle("orthogonal") },
    { key: "d", label: "Difference", applies: several, run: () => actions.toggle("difference") },
    { key: "e", label: "Errors of a segmentation", applies: several, run: () => actions.toggle("errors") },
    { key: "w", label: "Swipe", applies: several, run: () => actions.toggle("swipe") },
    {
      key: "[",
      label: "Divider to the left",
      applies: swipes,
      run: () => actions.swipeTo(state.swipeShare - SWIPE_STEP),
    },
    {
      key: "]",
      label: "Divider to the right",
      applies: swipes,
      run: () => actions.swipeTo(state.swipeShare + SWIPE_STEP),
    },
    { key: ",", label: "Previous channel alone", applies: channels, run: () => actions.stepChannel(-1) },
    { key: ".", label: "Next channel alone", applies: channels, run: () => actions.stepChannel(1) },
    { key: "a", label: "All channels", applies: channels, run: actions.showAllChannels },
    { key: "l", label: "Next colors", run: actions.stepLut },
    { key: "r", label: "Automatic contrast", run: actions.automaticContrast },
    {
      key: "b",
      label: "Scale bar",
      applies: () => state.hasPixelSize,
      run: () => actions.toggle("scaleBar"),
    },
    { key: "c", label: "Copy the picture", run: actions.copy },
    { key: "s", label: "Save the picture", run: actions.save },
    { key: "?", label: "Show keys", run: actions.showKeys },
  ];
}

/** Runs the shortcut of a pressed key, unless a field or the focused tile handles it. */
export function runKey(keys: readonly RowKey[], event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || isField(event.target)) return;
  const copies = event.key === "c" && (event.ctrlKey || event.metaKey);
  if ((event.ctrlKey || event.metaKey) && !copies) return;
  const found = keys.find(({ key, applies }) => key === event.key && (applies?.() ?? true));
  if (found === undefined) return;
  event.preventDefault();
  found.run();
}

/** Whether an element handles keys itself. */
const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches("input, select, textarea, vscode-text-field");
