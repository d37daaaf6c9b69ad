/** Keys of networks that do not fit: refused with the key, its line and what to do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { samples } from "../support/command.ts";

const problemsOf = (model: string, ndim = "2D", patch = "(64,64,1)", more = "") => {
  const text = `PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: ${ndim}
  SELF_SUPERVISED: {PRETEXT_TASK: crappify}
DATA:
  PATCH_SIZE: ${patch}
  TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}
MODEL:
  ${model.split("; ").join("\n  ")}
${more}
TRAIN: {ENABLE: True}
`;
  const { config, problems } = loadConfig("job.yaml", text);
  return [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
};

const REFUSED: readonly (readonly [model: string, key: string, says: RegExp, ...more: string[]])[] = [
  ["ARCHITECTURE: wdsr", "MODEL.ARCHITECTURE", /wdsr works in 2D only/, "3D", "(16,64,64,1)"],
  ["ARCHITECTURE: edsr", "MODEL.ARCHITECTURE", /edsr works in 2D only/, "3D", "(16,64,64,1)"],
  ["ARCHITECTURE: mae", "PROBLEM.SELF_SUPERVISED.PRETEXT_TASK", /mae learns by masking only/],
  ["ARCHITECTURE: simple_cnn", "MODEL.ARCHITECTURE", /simple_cnn is not one of them/],
  ["ARCHITECTURE: hrnet; HRNET: {HEAD_TYPE: OCR}", "MODEL.HRNET.HEAD_TYPE", /only FCN restores images/],
  [
    "ARCHITECTURE: hrnet; HRNET: {VARIANT: custom, YX_DOWN: [2, 2]}",
    "MODEL.HRNET.YX_DOWN",
    /one for each of 3 stages .*, not 2/,
  ],
  ["ARCHITECTURE: hrnet; HRNET: {VARIANT: custom}", "MODEL.HRNET.YX_DOWN", /each number is 1 or 2/],
  [
    "ARCHITECTURE: hrnet; HRNET: {VARIANT: custom, YX_DOWN: [2, 2, 2], NUM_BRANCHES: [2, 3, 3]}",
    "MODEL.HRNET.NUM_BRANCHES",
    /stage 3 has 3 branches, so as many numbers/,
  ],
  ["ARCHITECTURE: hrnet", "DATA.PATCH_SIZE", /60 along y cannot be divided by 8/, "2D", "(60,64,1)"],
  ["ARCHITECTURE: hrnet", "DATA.PATCH_SIZE", /a single pixel is left/, "2D", "(32,32,1)"],
  [
    "ARCHITECTURE: hrnet; HRNET: {VARIANT: W18}; NORMALIZATION: gn",
    "MODEL.NORMALIZATION",
    /16 groups, into which 18, 36, 72 channels/,
  ],
  ["ARCHITECTURE: stunet; STUNET: {PRETRAINED: True}", "MODEL.STUNET.PRETRAINED", /from the internet/],
  ["ARCHITECTURE: stunet", "DATA.PATCH_SIZE", /72 along y cannot be divided by 16/, "2D", "(72,64,1)"],
  [
    "ARCHITECTURE: stunet; STUNET: {VARIANT: custom, DEPTH: [1, 1]}",
    "MODEL.STUNET.DEPTH",
    /6 stages .* need 6 entries, not 2/,
    "3D",
    "(32,64,64,1)",
  ],
  ["ARCHITECTURE: unext_v1", "DATA.PATCH_SIZE", /48 along y cannot be divided by 32/, "2D", "(48,64,1)"],
  ["ARCHITECTURE: vit", "DATA.PATCH_SIZE", /tokens of 16/, "2D", "(60,64,1)"],
  ["ARCHITECTURE: vit; VIT_MODEL: sam3_vit", "MODEL.VIT_MODEL", /sam3_vit needs BiaPy itself/],
  ["ARCHITECTURE: unet; NORMALIZATION: ln", "MODEL.NORMALIZATION", /has no layer normalization/],
  ["ARCHITECTURE: unet; NORMALIZATION: gn; FEATURE_MAPS: [8, 16, 32]", "MODEL.NORMALIZATION", /16 groups/],
  ["ARCHITECTURE: unet; ACTIVATION: swish", "MODEL.ACTIVATION", /one of relu/],
  ["ARCHITECTURE: unet; FEATURE_MAPS: [8, 16]", "MODEL.FEATURE_MAPS", /at least 3 levels/],
  ["ARCHITECTURE: unet; CONV_LAYERS: [1, 2]", "MODEL.CONV_LAYERS", /one for each of MODEL.FEATURE_MAPS: 5/],
  ["ARCHITECTURE: unet; ISOTROPY: [False, True]", "MODEL.ISOTROPY", /one for each of MODEL.FEATURE_MAPS: 5/],
  ["ARCHITECTURE: unet", "DATA.PATCH_SIZE", /60 along y cannot be divided/, "2D", "(60,64,1)"],
  ["ARCHITECTURE: unetr; VIT_TOKEN_SIZE: 12", "MODEL.VIT_TOKEN_SIZE", /power of 2, not 12/],
  ["ARCHITECTURE: unetr", "DATA.PATCH_SIZE", /tokens of 16/, "2D", "(60,64,1)"],
  ["ARCHITECTURE: unetr; VIT_NUM_HEADS: 7", "MODEL.VIT_EMBED_DIM", /shared by 7 heads/],
  ["ARCHITECTURE: unetr; VIT_NUM_LAYERS: 2", "MODEL.VIT_NUM_LAYERS", /2 are too few/],
  ["ARCHITECTURE: unetr; UNETR_VIT_HIDD_MULT: 5", "MODEL.VIT_NUM_LAYERS", /12 are too few/],
  ["ARCHITECTURE: unetr; UNETR_VIT_MODEL: vit_huge_patch14", "MODEL.UNETR_VIT_MODEL", /not a power of 2/],
];

for (const [model, key, says, ...more] of REFUSED) {
  test(`${model} ${more.join(" ")} is refused at ${key}`, () => {
    const problems = problemsOf(model, ...more);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.equal(problems[0].key, key);
    assert.match(problems[0].message, says);
    assert.ok((problems[0].line ?? 0) > 1);
  });
}

test("losses and contrast that the engine lacks are refused", () => {
  const refused = (loss: string) => problemsOf("ARCHITECTURE: unet", "2D", "(64,64,1)", `LOSS: {${loss}}`);
  for (const loss of ["VGG", "LPIPS"])
    assert.match(refused(`TYPE: [${loss}]`)[0].message, /trained weights BiaPy downloads from the internet/);
  assert.match(refused("TYPE: [CE]")[0].message, /CE is not among them/);
  assert.deepEqual(refused("TYPE: [PCC, LAPLACIAN, FFT, RFFT], WEIGHTS: [1., 1., 0.1, 0.1]"), []);
  assert.match(refused("TYPE: [MAE, SSIM], WEIGHTS: [1.]")[0].message, /2 losses .* have 2 weights, not 1/);
  assert.equal(refused("CONTRAST: {ENABLE: True}")[0].key, "LOSS.CONTRAST.ENABLE");
  assert.deepEqual(refused("TYPE: [MAE, SSIM], WEIGHTS: [1., 0.5]"), []);
});

test("spectral losses alone are refused for images of several channels, of which they see the first", () => {
  const problems = problemsOf("ARCHITECTURE: unet", "2D", "(64,64,3)", "LOSS: {TYPE: [FFT, RFFT]}");
  assert.match(problems[0].message, /first channel only/);
  assert.deepEqual(problemsOf("ARCHITECTURE: unet", "2D", "(64,64,3)", "LOSS: {TYPE: [FFT, MSE]}"), []);
});

for (const [metric, says] of [
  ["lpips", /the metric "lpips" uses a network whose trained weights .* has mae, mse, psnr, ssim\.$/],
  ["FID", /the metric "FID" uses a network whose trained weights .* has mae, mse, psnr, ssim\.$/],
  ["is", /the metric "is" uses a network whose trained weights .* has mae, mse, psnr, ssim\.$/],
  ["nonsense", /are mae, mse, psnr, ssim; nonsense is not among them\.$/],
] as const)
  test(`the metric ${metric} is refused in training and in testing`, () => {
    const unet = "PROBLEM: {TYPE: SELF_SUPERVISED}\nMODEL: {ARCHITECTURE: unet}";
    for (const key of ["TRAIN", "TEST"]) {
      const { config } = loadConfig("job.yaml", `${unet}\n${key}: {METRICS: [mse, ${metric}]}`);
      const problems = checkConfig(config).filter((each) => each.key === `${key}.METRICS`);
      assert.equal(problems.length, 1);
      assert.match(problems[0].message, says);
    }
  });
