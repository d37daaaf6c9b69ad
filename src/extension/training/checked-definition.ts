import * as v from "valibot";

/**
 * Checks an entry of `launch.json` or `tasks.json`: VS Code only underlines what their schemas forbid. Throws an error for the user,
 * which names the file and the wrong key.
 */
export function checkedDefinition<const S extends v.GenericSchema>(
  schema: S,
  definition: unknown,
  file: string,
): v.InferOutput<S> {
  const parsed = v.safeParse(schema, definition, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Error(`${file}: the key ${v.getDotPath(issue) ?? ""} is wrong. ${issue.message}.`);
}

/** The number of a run, from 1. Variables such as `${input:run}` give it as text. */
export const runNumber = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.digits(), v.transform(Number))]),
  v.safeInteger(),
  v.minValue(1),
);
