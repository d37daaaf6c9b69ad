/** BiaPy's class and arguments for a configuration's network, as named in a package of the Zoo. */
import { architectureOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { type EmbeddedArchitecture, isEmbedded } from "../../facts/architectures.ts";
import type { BuildArguments, BuildValue } from "../../models/build-arguments.ts";
import { buildArguments } from "../model-settings.ts";

/** A class or function that builds the network. */
export interface TorchArchitecture {
  readonly callable: string;
  /** Its module; undefined for {@link SOURCE}, which the package contains. */
  readonly module?: string;
  readonly arguments: BuildArguments;
}

/** BiaPy 3.7.1's classes that return an image. */
export const BIAPY_CLASSES: Readonly<
  Partial<Record<EmbeddedArchitecture, readonly [module: string, callable: string]>>
> = {
  unet: ["biapy.models.unet", "U_Net"],
  resunet: ["biapy.models.resunet", "ResUNet"],
  "resunet++": ["biapy.models.resunet_plus_plus", "ResUNetPlusPlus"],
  attention_unet: ["biapy.models.attention_unet", "Attention_U_Net"],
  seunet: ["biapy.models.seunet", "SE_U_Net"],
  resunet_se: ["biapy.models.resunet_se", "ResUNet_SE"],
  multiresunet: ["biapy.models.multiresunet", "MultiResUnet"],
  unetr: ["biapy.models.unetr", "UNETR"],
  unext_v1: ["biapy.models.unext_v1", "U_NeXt_V1"],
  unext_v2: ["biapy.models.unext_v2", "U_NeXt_V2"],
  hrnet: ["biapy.models.hrnet", "HighResolutionNet"],
  stunet: ["biapy.models.stunet", "build_stunet"],
  edsr: ["biapy.models.edsr", "EDSR"],
  rcan: ["biapy.models.rcan", "rcan"],
  wdsr: ["biapy.models.wdsr", "wdsr"],
  dfcan: ["biapy.models.dfcan", "DFCAN"],
};

/** The file of a package that holds {@link SOURCE}. */
export const SOURCE_FILE = "architecture.py";

/** Returns the class and arguments of a configuration's network, which returns an image. */
export function torchArchitecture(config: Config): TorchArchitecture {
  const build = buildArguments(config);
  const name = architectureOf(config);
  const [module, callable] = (isEmbedded(name) && BIAPY_CLASSES[name]) || [];
  if (module !== undefined && callable !== undefined) return { callable, module, arguments: build };
  const { explicit_activations: _a, head_activations: _h, output_channel_info: _o, ...sizes } = build;
  return { callable: "RestoringTransformer", arguments: sizes };
}

/**
 * Returns the class and arguments of a masked autoencoder's encoder, or of all of it with the same tokens hidden in every image. Undefined
 * for patches that are not squares or cubes, which BiaPy's class does not take.
 *
 * @param visible further arguments of the reconstruction: the visible tokens
 */
export function maeArchitecture(
  part: "encoder" | "reconstruction",
  build: BuildArguments,
  patch: readonly number[],
  visible: Readonly<Record<string, BuildValue>>,
): TorchArchitecture | undefined {
  if (patch.some((size) => size !== patch[0])) return undefined;
  const { device: _d, return_just_preds: _r, masking_type: _m, ...sizes } = build;
  return part === "encoder"
    ? { callable: "Encoder", arguments: sizes }
    : { callable: "Reconstruction", arguments: { ...sizes, ...visible } };
}

/** Python source of the networks for which BiaPy 3.7.1 has no class with the same output. */
export const SOURCE = `"""Networks of this package, on top of BiaPy's (https://github.com/BiaPyX/BiaPy, pip install biapy)."""

import torch
from biapy.models.mae import MaskedAutoencoderViT
from biapy.models.vit import VisionTransformer


def images(tokens, ndim, size, channels):
    """Tokens [batch, token, pixel * channel] of a square or cube as images [batch, channel, (z,) y, x]."""
    batch, count, _ = tokens.shape
    side = round(count ** (1 / ndim))
    split = tokens.reshape(batch, *[side] * ndim, *[size] * ndim, channels)
    order = [0, 1 + 2 * ndim]
    for axis in range(ndim):
        order += [1 + axis, 1 + ndim + axis]
    return split.permute(order).reshape(batch, channels, *[side * size] * ndim)


class RestoringTransformer(VisionTransformer):
    """A vision transformer whose head turns each token into its pixels."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.token, self.channels = settings["patch_size"], settings["in_chans"]

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return images(self.head(self.norm(x)[:, 1:]), self.ndim, self.token, self.channels)


class Autoencoder(MaskedAutoencoderViT):
    """BiaPy's masked autoencoder as a function of images alone."""

    def __init__(self, **settings):
        super().__init__(masking_type="random", device="cpu", **settings)
        self.axes, self.token, self.channels = settings["ndim"], settings["patch_size"], settings["in_chans"]

    def encoded(self, x, keep=None):
        x = self.patch_embed(x) + self.pos_embed[:, 1:]
        if keep is not None:
            x = x[:, keep]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = torch.cat((first, x), 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Encoder(Autoencoder):
    """The features of every token: [batch, feature, (z,) y, x], a pixel for each token."""

    def forward(self, x):
        x = self.encoded(x)[:, 1:]
        side = round(x.shape[1] ** (1 / self.axes))
        return x.transpose(1, 2).reshape(len(x), -1, *[side] * self.axes)


class Reconstruction(Autoencoder):
    """Images as they are reconstructed of the tokens \`keep\`; \`restore\` puts visible and hidden tokens in order."""

    def __init__(self, keep, restore, normalized_tokens=False, **settings):
        super().__init__(**settings)
        self.keep, self.restore, self.normalized_tokens = keep, restore, normalized_tokens

    def forward(self, x):
        seen = self.decoder_embed(self.encoded(x, self.keep))
        hidden = self.mask_token.expand(len(x), len(self.restore) - len(self.keep), -1)
        tokens = torch.cat((seen[:, 1:], hidden), 1)[:, self.restore]
        y = torch.cat((seen[:, :1], tokens), 1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            y = block(y)
        y = self.decoder_pred(self.decoder_norm(y))[:, 1:]
        if self.normalized_tokens:
            pixels = self.tokens_of(x)
            y = y * (pixels.var(-1, keepdim=True) + 1e-6).sqrt() + pixels.mean(-1, keepdim=True)
        return images(y, self.axes, self.token, self.channels)

    def tokens_of(self, x):
        size, count = self.token, self.axes
        split = x.reshape(len(x), x.shape[1], *[part for each in x.shape[2:] for part in (each // size, size)])
        order = [0, *[2 + 2 * axis for axis in range(count)], *[3 + 2 * axis for axis in range(count)], 1]
        return split.permute(order).reshape(len(x), -1, size**count * x.shape[1])
`;
