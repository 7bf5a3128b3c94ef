CREATE TABLE known_trees (
    tree_id text PRIMARY KEY,
    version bigint NOT NULL,
    height integer NOT NULL CONSTRAINT trees_do_not_reach_the_sky CHECK (height < 100000)
);
CREATE TABLE heard (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tree_id text NOT NULL,
    what text NOT NULL,
    height integer
);
