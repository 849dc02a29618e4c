"""Better predictions at test time: what a model learns from the text while it reads it. See docs/adaptation.md."""
