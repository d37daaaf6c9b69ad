/** Writes schemas/biapy-config.schema.json: `npm run schema`, after a change to the key table or the descriptions. */
import { writeFileSync } from "node:fs";
import { configurationSchema } from "./schema.ts";

writeFileSync("schemas/biapy-config.schema.json", `${JSON.stringify(configurationSchema(), null, 2)}\n`);
