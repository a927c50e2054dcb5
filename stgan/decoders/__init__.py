"""Decoders of video."""

from stgan.decoders.video import DecoderStage, VideoDecoder, decoder_stages

__all__ = ["DecoderStage", "VideoDecoder", "decoder_stages"]
