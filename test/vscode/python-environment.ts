import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PLACES = `
import json, sysconfig
print(json.dumps({"packages": sysconfig.get_path("purelib"), "scripts": sysconfig.get_path("scripts")}))
`;
const BIAPY = "import sys\nfrom biapy import main\nsys.exit(main())\n";

function placesOf(python: string): { readonly packages: string; readonly scripts: string } {
  return JSON.parse(execFileSync(python, ["-c", PLACES], { encoding: "utf8" }));
}

/**
 * An environment of its own that sees the packages of another, BiaPy among them: what is installed into it leaves the other as it
 * is. Gives its interpreter and the folder of the packages that it sees.
 */
export function environmentUpon(
  python: string,
  folder: string,
): { readonly python: string; readonly packages: string } {
  execFileSync(python, ["-m", "venv", folder]);
  const own = join(folder, "bin", "python");
  const { packages } = placesOf(python);
  const { packages: ownPackages, scripts } = placesOf(own);
  writeFileSync(join(ownPackages, "upon.pth"), `${packages}\n`);
  writeFileSync(join(scripts, "biapy"), `#!${own}\n${BIAPY}`);
  chmodSync(join(scripts, "biapy"), 0o755);
  return { python: own, packages };
}
