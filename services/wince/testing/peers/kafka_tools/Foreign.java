import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.tools.AclCommand;

/**
 * Two foreigners. `acls`: each line of standard input is a call of kafka-acls.sh, its arguments separated by tabs. `produce PROPERTIES
 * TOPIC`: each line is a key; a record with it is sent as Java's producer does by default, and its partition is printed.
 */
public final class Foreign {
    public static void main(String[] words) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        if (words[0].equals("acls")) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                AclCommand.main(line.split("\t"));
            }
            return;
        }
        Properties properties = new Properties();
        try (FileInputStream file = new FileInputStream(words[1])) {
            properties.load(file);
        }
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, text, text)) {
            for (String key = lines.readLine(); key != null; key = lines.readLine()) {
                System.out.println("partition " + producer.send(new ProducerRecord<>(words[2], key, "foreign")).get().partition());
            }
        }
    }
}
