// Runs in every frame of the window for opening.ts, after a line that defines the selector `waitedFor`.
const marks = {};
globalThis.marks = marks;
const now = () => performance.timeOrigin + performance.now();

addEventListener(
  "keydown",
  ({ key }) => {
    if (key === "Enter") marks.entered = now();
  },
  true,
);

// A canvas is shown when the frame after its first drawing begins. A webview rewrites its document while it loads, which ends all
// earlier timers but keeps changed prototypes.
const { prototype } = CanvasRenderingContext2D;
for (const method of ["stroke", "putImageData", "drawImage"]) {
  const draw = prototype[method];
  prototype[method] = function (...given) {
    if (!marks.drawn && this.canvas.matches(waitedFor)) {
      marks.drawn = true;
      requestAnimationFrame(() => {
        marks.shown = now();
      });
    }
    return draw.apply(this, given);
  };
}

function look() {
  const found = document.querySelector(waitedFor);
  if (found !== null && !(found instanceof HTMLCanvasElement)) marks.shown = now();
  else requestAnimationFrame(look);
}
if (window === window.top) requestAnimationFrame(look);
