"""What texts are made of: plain text in any encoding, or rows of JSON Lines, CSV, Parquet and Arrow."""
