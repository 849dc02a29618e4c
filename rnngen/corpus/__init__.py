"""Text in: sources → tokenizer → tokens on disk → parallel streams of windows."""
