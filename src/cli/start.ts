/** The bundle's entry point: loads the program, and explains the error if too many files are open. */
import { EXIT } from "./exit-codes.ts";

try {
  await import("./main.ts");
} catch (error) {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "EMFILE" && code !== "ENFILE") throw error;
  console.error("Too many files are open to load the program. Allow 128 or more (ulimit -n).");
  process.exit(EXIT.failed);
}
