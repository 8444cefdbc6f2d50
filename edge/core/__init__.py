"""The edge without input and output: bytes, readings and times in, values out."""
