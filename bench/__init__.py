"""What `make bench` measures: each part of the library beside an independent implementation; and `make census`."""
