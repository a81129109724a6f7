-- Who has seen an alert. The first stands; the trail's link "acknowledged" says the same.
CREATE TABLE acknowledged (
    alert uuid   PRIMARY KEY,
    nurse text   NOT NULL,
    at_us bigint NOT NULL
);
