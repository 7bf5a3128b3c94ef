CREATE TABLE trees (tree_id text PRIMARY KEY, height integer NOT NULL);
