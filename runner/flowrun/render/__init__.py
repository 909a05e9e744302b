"""Results as text for people and as documents for programs: pure functions, no printing.

Text is a sequence of lines of inked runs (`ink`); only the terminal turns ink into colour, so that a renderer never
asks whether colour is on. Documents (`json`, `sarif`, `github`, `mermaid`, `dot`, `svg`) are finished texts.
"""
