MINUTES = 15


def scaled(minutes):
    return minutes * 1
