/** Writes `key-names.ts`: `npm run schema`. */
import { writeFileSync } from "node:fs";
import { keyNamesText } from "./key-names-text.ts";

writeFileSync(new URL("./key-names.ts", import.meta.url), keyNamesText());
