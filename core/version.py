"""The version of RecScope, as policies name it."""

VERSION = "0.1.0"
