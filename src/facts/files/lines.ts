/**
 * Lines of a stream. `node:readline` does not fit here: it also splits at lone carriage returns, which progress bars use, and at
 * U+2028, which JSON texts may hold, and it buffers a line without end until memory is full.
 */

/** Longest line, in characters. A longer one is cut off. */
const LONGEST = 4 << 20;

/** Calls `line` with each line of a stream, without its line break; the last one may lack it. */
export function eachLine(
  stream: NodeJS.ReadableStream,
  line: (text: string) => void,
  longest = LONGEST,
): void {
  /** The beginning of a line, in pieces: adding each piece to one string would take quadratic time. */
  let begun: string[] = [];
  let length = 0;
  const add = (piece: string) => {
    const kept = piece.slice(0, longest - length);
    if (kept !== "") begun.push(kept);
    length += kept.length;
  };
  const finish = () => {
    const text = begun.join("");
    begun = [];
    length = 0;
    line(text.replace(/\r$/, ""));
  };
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const [first = "", ...more] = chunk.split("\n");
    add(first);
    for (const piece of more) {
      finish();
      add(piece);
    }
  });
  stream.on("end", () => {
    if (length > 0) finish();
  });
}
