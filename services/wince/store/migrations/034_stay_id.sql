-- Every list looks up the stay of each of its rows, whether it is still believed or not.
CREATE INDEX stay_of_id ON stay (id, row_id);
