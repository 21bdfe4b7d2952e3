"""What Arrow says of a file it cannot read, cut to what a reader of a message can use."""


def first_line(error: Exception) -> str:
    """What a library said, without its layers of prefixes and the place in its own code."""
    text = str(error).rpartition("Invalid: ")[2].partition("\n")[0].strip(" .")
    return text[:200] or type(error).__name__
