"""Learning management systems: how each names what students hand in, and which grades its import takes.

    registry      the list of them, from which the commands' choices and help are made
    system        what there is to know of one
    canvas, moodle, nbgrader    one file a system
    remote        the web services of Canvas and Moodle, in place of zips and csv files
    grades_csv    the grades of nbgrader's gradebook, written in a system's form

Another one is a file beside these and a line in the registry.
"""
