/** Changes a configuration so that it starts from a checkpoint. Comments stay. This file does not use `vscode`. */
import { keyLines } from "../language/key-lines.ts";
import { applied, valueFix } from "../language/problem-fixes.ts";

/** Returns the text with MODEL.LOAD_CHECKPOINT and PATHS.CHECKPOINT_FILE set; `checkpoint` is written unchanged. */
export function startingFrom(text: string, checkpoint: string): string {
  const quoted = `'${checkpoint.replaceAll("'", "''")}'`;
  const loading = withKey(text, "MODEL.LOAD_CHECKPOINT", "True");
  return withKey(loading, "PATHS.CHECKPOINT_FILE", quoted);
}

function withKey(text: string, key: string, value: string): string {
  const unfolded = unfoldSection(text, key);
  return applied(unfolded, valueFix(unfolded, key, value).edits);
}

/** Turns an empty section, `PATHS: {}`, into one that can take keys. */
function unfoldSection(text: string, key: string): string {
  const section = keyLines(text).find((line) => line.key === key.split(".")[0]);
  if (section === undefined) return text;
  const lines = text.split("\n");
  const line = lines[section.line] ?? "";
  const value = line.slice(section.valueStart, section.valueEnd);
  if (!/^\{\s*\}$/.test(value)) return text;
  const kept = line.slice(0, section.valueStart).trimEnd() + line.slice(section.valueEnd);
  return lines.with(section.line, kept).join("\n");
}
