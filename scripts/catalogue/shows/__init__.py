"""One module for each environment, named as its package is, whose `show` plays it and returns what there is to see."""
