// Runs in every frame of the window, below a line that names what is `waitedFor`; see opening.ts.
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

// A canvas is shown when the frame after the one in which it was first drawn on begins. Webviews' documents are written anew while
// they load, which ends all timers that were set before; what is in a prototype stays.
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
